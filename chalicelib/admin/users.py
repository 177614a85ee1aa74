"""`users rename OLD NEW`, `users disable USERNAME`, `users enable USERNAME`."""

import click

from chalicelib.admin.command import verb
from chalicelib.admin.output import Result
from chalicelib.errors import NotFoundError
from chalicelib.model import EndReason, User
from chalicelib.services import Services


@click.group
def users() -> None:
    """The people who can sign in."""


@verb(users, "rename")
@click.argument("username")
@click.argument("new_username")
def rename(services: Services, username: str, new_username: str) -> Result:
    """Give the user USERNAME another name; sessions, tokens and comments stay theirs."""
    user = _user(services, username)
    name = services.accounts.rename(user, new_username)
    return Result({"sub": user.sub, "username": name}, message=f"{user.username} is {name} from now on.")


@verb(users, "disable", asks="Every session of this user ends, and they cannot sign in. Disable them?")
@click.argument("username")
def disable(services: Services, username: str) -> Result:
    """End all that the user USERNAME has, at once, and let them sign in no more."""
    user = _user(services, username)
    services.sessions.end_all(user.sub, EndReason.DISABLED, services.now())
    return Result({"sub": user.sub, "disabled": True}, message=f"{user.username} is disabled.")


@verb(users, "enable")
@click.argument("username")
def enable(services: Services, username: str) -> Result:
    """Let the user USERNAME sign in again; what has ended stays ended."""
    user = _user(services, username)
    services.accounts.enable(user, services.now())
    return Result({"sub": user.sub, "disabled": False}, message=f"{user.username} can sign in.")


def _user(services: Services, username: str) -> User:
    user = services.users.by_username(username)
    if user is None:
        raise NotFoundError("There is no such user.")
    return user
