"""`users rename OLD NEW`."""

import click

from chalicelib.admin.command import verb
from chalicelib.admin.output import Result
from chalicelib.errors import NotFoundError
from chalicelib.services import Services


@click.group
def users() -> None:
    """The people who can sign in."""


@verb(users, "rename")
@click.argument("username")
@click.argument("new_username")
def rename(services: Services, username: str, new_username: str) -> Result:
    """Give the user USERNAME another name; sessions, tokens and comments stay theirs."""
    user = services.users.by_username(username)
    if user is None:
        raise NotFoundError("There is no such user.")
    name = services.accounts.rename(user, new_username)
    return Result({"sub": user.sub, "username": name}, message=f"{user.username} is {name} from now on.")
