"""One grant, one module, one shape: what is presented, turned into tokens (RFC 6749 section 1.3).

password         username and password, for a new session
refresh_token    a refresh token, for the next pair
token_issuer     the token response of a session
"""
