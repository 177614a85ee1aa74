"""What many tests need: the emulated AWS, the house with a clock that tests turn, and the local gateway before it."""

import json
import os
import secrets
from collections.abc import Iterator
from dataclasses import replace
from itertools import count

import pytest

from infra import emulator

# The app reads its environment when it is imported.
os.environ.update(emulator.start())
os.environ.update(
    {
        "GATEHOUSE_ISSUER": "https://gatehouse.example",
        "GATEHOUSE_OPEN_SIGN_UP": "true",
        "GATEHOUSE_ALLOWED_ORIGINS": "https://pages.example https://gatehouse.example",
    }
)

from app import app
from chalicelib import authorizer, base64url, runtime
from chalicelib.authorizer import Gate
from chalicelib.model import User
from chalicelib.password import Profile
from chalicelib.runtime import Runtime
from chalicelib.scope import parse
from infra import demo
from infra.gateway import Gateway
from tests.client import Client, Clock

# Costs nothing, protects nothing.
CHEAP = Profile(iterations=1, lanes=1, memory_cost=8)

DEMO_SCOPE = "comments:read comments:write account"
ADMIN_SCOPE = f"{DEMO_SCOPE} comments:moderate users:write"

_numbers = count()


@pytest.fixture(scope="session")
def keys_exist() -> None:
    demo.add_keys(runtime.assemble(os.environ))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def house(clock: Clock, keys_exist: None) -> Iterator[Runtime]:
    """The runtime of this test, on the tables of all: a name that a test uses must be its own (`add_user`)."""
    made = replace(runtime.assemble(os.environ), profile=CHEAP, clock=clock)
    runtime.install(made)
    yield made
    runtime.install(None)


@pytest.fixture
def client(house: Runtime, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Client:
    """Speaks with the app through the local gateway, without sockets."""

    def fetch(uri: str) -> bytes:
        assert uri == "https://gatehouse.example/.well-known/jwks.json"
        return json.dumps(house.keys.ring(house.now()).jwk_set(house.now())).encode()

    gate = Gate(house.settings, authorizer.PROTECTED, fetch, clock)
    monkeypatch.setattr(authorizer, "GATE", gate)
    return Client(Gateway(app, clock))


def new_user(house: Runtime, scope: str = DEMO_SCOPE, password: str = "demo-password", **record: object) -> User:
    """A user whom no other test knows."""
    name = f"user-{next(_numbers)}-{secrets.token_hex(4)}"
    user = User(
        sub=base64url.encode(secrets.token_bytes(16)),
        username=name,
        email=f"{name}@example.com",
        password_hash=house.passwords.hash(password),
        scope=parse(scope),
    )
    user = replace(user, **record)  # type: ignore[arg-type]
    house.users.add(user)
    return user


@pytest.fixture
def user(house: Runtime) -> User:
    return new_user(house)


@pytest.fixture
def admin(house: Runtime) -> User:
    return new_user(house, ADMIN_SCOPE)
