"""The command line: `python -m chalicelib.admin`. It speaks with the stack that the environment names."""
