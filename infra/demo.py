"""The demo data, for the emulated AWS only: the first keys, a user and an administrator."""

from collections.abc import Mapping

from chalicelib.ids import new_id
from chalicelib.model import User
from chalicelib.scope import Scope, parse
from chalicelib.services import Services, assemble

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
        sub=new_id(services.random_bytes),
        username=username,
        email=f"{username}@example.com",
        password_hash=services.passwords.hash(password),
        scope=scope,
    )
