"""What each kind of token is: how it is made, and how it is checked.

access_token             what an access token says, and its signature (RFC 9068)
access_token_verifier    the claims of an access token, checked strictly (RFC 7519, RFC 9068)
jws                      one compact JWS, checked strictly (RFC 7515, RFC 8725)
claims                   what an access token may hold, for whoever writes or issues it
refresh_token            the opaque token: minted, read, and its successor
revocations              what ended before it expired
revocation_feed          the feed by which every container learns of it
"""
