"""One grant, one module, one shape: what is presented, turned into tokens (RFC 6749 section 1.3).

grant             the one shape: a token request in, what to issue out
token_endpoint    the phases that every token request passes, numbered
password          username and password, for a new session
refresh_token     a refresh token, for the next pair
token_issuer      the token response of a session
"""
