"""The version of this code: pyproject.toml reads it, each event's log line has it, CHANGELOG.md begins with it."""

VERSION = "0.1.0"
