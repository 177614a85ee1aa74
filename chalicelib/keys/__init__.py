"""The keys that sign and authenticate, from their making to their end, and the JWK Sets of others.

ring             which key is pending, active, retired, gone or revoked; our own JWK Set
material         making keys, and building them from what was sealed
cache            the ring as one container holds it
rotation         when a new key is due, and what happens when one ends ahead of its time
timing           how long a key is published, signs and stays, by the settings
jwk_set          a JWK Set read (RFC 7517)
remote_jwk_set   a JWK Set fetched and kept
"""
