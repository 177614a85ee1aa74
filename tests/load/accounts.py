"""Users of the load run, and what a device holds of a session."""

import hashlib
import json
from dataclasses import dataclass, field
from http.client import HTTPConnection
from threading import Lock
from typing import Any

from chalicelib import base64url
from chalicelib.tokens.refresh_token import PREFIX
from tests.support.patience import END

_SAYS, _KID = 53, 4  # bytes of a refresh token: what it says, then the id of its key


@dataclass(slots=True)
class Account:
    """A user, whom several devices share. `changing` is held by whoever uses or changes the password.

    There is more than one password while a change of it was not answered: one of them is right.
    """

    username: str
    passwords: list[str] = field(repr=False)
    changing: Lock = field(default_factory=Lock)


@dataclass(slots=True)
class Held:
    """What a device holds of one session: the access token and every refresh token that it was given."""

    session: str
    access_token: str = field(repr=False)
    refresh_tokens: list[str] = field(repr=False)


def sign_up(port: int, username: str) -> Account:
    """A new user."""
    account = Account(username, [f"the first password of {username}"])
    connection = HTTPConnection("127.0.0.1", port, timeout=END)
    fields = {"username": username, "email": f"{username}@example.com", "password": account.passwords[0]}
    connection.request("POST", "/users", json.dumps(fields), {"Content-Type": "application/json"})
    status = connection.getresponse().status
    connection.close()
    if status != 201:
        raise RuntimeError(f"a sign-up was answered {status}")
    return account


def named(refresh_token: str) -> str:
    """A name for `refresh_token` that opens nothing: a digest of what it says (session, secret, generation), the
    id of the key that authenticates it, and a digest of its text."""
    body = base64url.decode(refresh_token.removeprefix(PREFIX))
    says, kid = body[:_SAYS], body[_SAYS : _SAYS + _KID].hex()
    return f"{_digest(says)}:{kid}:{_digest(refresh_token.encode())}"


def subject(access_token: str) -> str:
    """Whom `access_token` belongs to."""
    return str(_claims(access_token)["sub"])


def session_of(access_token: str) -> str:
    """The session that `access_token` belongs to."""
    return str(_claims(access_token)["sid"])


def _claims(access_token: str) -> Any:
    return json.loads(base64url.decode(access_token.split(".")[1]))


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:12]
