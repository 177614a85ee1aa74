"""The demo data, for the emulated AWS only: the first keys, a user and an administrator."""

from collections.abc import Mapping

from chalicelib import base64url
from chalicelib.model import User
from chalicelib.scope import Scope, parse
from chalicelib.services import Runtime, assemble
from chalicelib.tokens.refresh_token import ID_BYTES

_ALL = "comments:read comments:write comments:moderate account users:write"


def load(environment: Mapping[str, str]) -> None:
    """Writes the demo data into the tables that `environment` names."""
    house = assemble(environment)
    add_keys(house)
    house.users.add(_user(house, "demo", "demo-password", parse("comments:read comments:write account")))
    house.users.add(_user(house, "admin", "admin-password", parse(_ALL)))


def add_keys(house: Runtime) -> None:
    """The first keys, by the rotation itself."""
    house.rotation.run(house.now())


def _user(house: Runtime, username: str, password: str, scope: Scope) -> User:
    return User(
        sub=base64url.encode(house.random_bytes(ID_BYTES)),
        username=username,
        email=f"{username}@example.com",
        password_hash=house.passwords.hash(password),
        scope=scope,
    )
