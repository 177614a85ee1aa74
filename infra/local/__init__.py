"""`make run`: the local gateway in front of the app."""
