"""The protocol without HTTP (RFC 6749).

clients    who may ask for tokens: by which grants, for what, for how long
"""
