"""`python -m chalicelib.admin NOUN VERB`."""

import sys

import click

from chalicelib.admin import command
from chalicelib.admin.command import verb
from chalicelib.admin.keys import keys
from chalicelib.admin.policy import policy
from chalicelib.admin.restored import restored
from chalicelib.admin.users import users


@click.group
def admin() -> None:
    """Looks after the stack that the environment names."""


admin.add_command(keys)
admin.add_command(policy)
admin.add_command(users)
verb(admin, "restored", asks="Every session of every user ends, and every key is revoked. Go on?")(restored)


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line, and gives its exit status."""
    return command.run(admin, arguments, "python -m chalicelib.admin")


if __name__ == "__main__":
    sys.exit(main())
