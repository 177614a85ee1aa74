"""The demo data, for the emulated AWS only: the first keys, a user and an administrator."""

from collections.abc import Mapping

from chalicelib import base64url
from chalicelib.model import User
from chalicelib.scope import Scope, parse
from chalicelib.services import Services, assemble
from chalicelib.tokens.refresh_token import ID_BYTES

_ALL = "comments:read comments:write comments:moderate account users:write"


def load(environment: Mapping[str, str]) -> None:
    """Writes the demo data into the tables that `environment` names."""
    services = assemble(environment)
    add_keys(services)
    services.users.add(_user(services, "demo", "demo-password", parse("comments:read comments:write account")))
    services.users.add(_user(services, "admin", "admin-password", parse(_ALL)))


def add_keys(services: Services) -> None:
    """The first keys, by the rotation itself."""
    services.rotation.run(services.now())


def _user(services: Services, username: str, password: str, scope: Scope) -> User:
    return User(
        sub=base64url.encode(services.random_bytes(ID_BYTES)),
        username=username,
        email=f"{username}@example.com",
        password_hash=services.passwords.hash(password),
        scope=scope,
    )
