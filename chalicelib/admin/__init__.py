"""The command line: `python -m chalicelib.admin`. It speaks with the stack that the environment names.

keys      keys list, rotate, revoke
output    a result as a table or as one JSON document
"""
