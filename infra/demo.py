"""The demo data, for the emulated AWS only: the first keys, a user, and an administrator who holds every scope."""

from collections.abc import Mapping

from chalicelib.access_table import ACCESS_TABLE
from chalicelib.ids import new_id
from chalicelib.model import User
from chalicelib.scope import Scope, parse
from chalicelib.services import Services, assemble

_USER = parse("comments:read comments:write account")
# Every scope that a route asks for, so that a new route can be tried at once.
_ALL = frozenset[str]().union(*(entry.any_of | entry.all_of for entry in ACCESS_TABLE))


def load(environment: Mapping[str, str]) -> None:
    """Writes the demo data into the tables that `environment` names."""
    services = assemble(environment)
    add_keys(services)
    services.users.add(_user(services, "demo", "demo-password", _USER))
    services.users.add(_user(services, "admin", "admin-password", _ALL))


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
