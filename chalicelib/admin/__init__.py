"""The command line: `python -m chalicelib.admin`. It speaks with the stack that the environment names.

keys       keys list, rotate, revoke
policy     policy show
users      users rename, disable, enable
restored   restored: after tables were restored from a backup
command    what every command shares: --json, --yes, its question, how it ends
output     a result as a table or as one JSON document
"""
