"""The keys that sign and authenticate, from their making to their end, and the JWK Sets of others.

ring        which key is pending, active, retired, gone or revoked; our own JWK Set
material    making keys, and building them from what was sealed
cache       the ring as one container holds it
rotation    when a new key is due, and what happens when one is revoked
jwk_set     a JWK Set read, and one fetched and kept (RFC 7517)
"""
