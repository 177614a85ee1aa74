"""Accounts: signing up."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from chalicelib import base64url
from chalicelib import username as usernames
from chalicelib.errors import InvalidRequestError
from chalicelib.model import User
from chalicelib.password import Passwords, check_new_password
from chalicelib.refresh_token import ID_BYTES
from chalicelib.scope import Scope

# RFC 5321 §4.5.3.1: 64 octets, an at sign, 255 octets; 254 in all by §4.5.3.1.3. Whether it is a mailbox,
# only a letter can tell.
_EMAIL = re.compile(r"[^\s@\x00-\x1f\x7f]{1,64}@[^\s@.\x00-\x1f\x7f]+(?:\.[^\s@.\x00-\x1f\x7f]+)*")
_MAX_EMAIL = 254


class Users(Protocol):
    """What signing up needs of the users."""

    def add(self, user: User) -> None:
        """Claims username and email at once. Raises `UsernameTakenError`, `EmailTakenError`."""


@dataclass(frozen=True, slots=True)
class SignUp:
    """What somebody who wants an account sends."""

    username: str
    email: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Accounts:
    """`default_scope` is what a new user may do."""

    users: Users
    passwords: Passwords
    random_bytes: Callable[[int], bytes]
    default_scope: Scope

    def sign_up(self, request: SignUp) -> User:
        """The new user. Raises `InvalidRequestError`, `UsernameTakenError`, `EmailTakenError`."""
        username = usernames.normalize(request.username)
        email = _normalized_email(request.email)
        check_new_password(request.password, username, email)
        user = User(
            sub=base64url.encode(self.random_bytes(ID_BYTES)),
            username=username,
            email=email,
            password_hash=self.passwords.hash(request.password),
            scope=self.default_scope,
        )
        self.users.add(user)
        return user


def _normalized_email(text: str) -> str:
    if len(text) > _MAX_EMAIL or not _EMAIL.fullmatch(text) or not text.isprintable():
        raise InvalidRequestError("The email address is malformed.")
    return text
