"""What many tests need: the emulated AWS, the services with a clock to turn, and the local gateway before it."""

import json
import os
import re
import secrets
from collections.abc import Callable, Iterable, Iterator
from copy import deepcopy
from dataclasses import replace
from functools import cache
from itertools import count
from typing import Any

import pytest
from hypothesis import settings
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends

from chalicelib.services import assemble, install
from infra.emulated import moto_server

# The app reads its environment when it is imported.
os.environ.update(moto_server.start())
os.environ.update(
    {
        "GATEHOUSE_ISSUER": "https://gatehouse.example",
        "GATEHOUSE_OPEN_SIGN_UP": "true",
        "GATEHOUSE_ALLOWED_ORIGINS": "https://pages.example https://gatehouse.example",
    }
)

from app import app
from chalicelib import authorizer, base64url, deadline
from chalicelib.accounts.password import Profile
from chalicelib.gate.decision import Gate
from chalicelib.model import EndReason, User
from chalicelib.scope import parse
from chalicelib.services import Services
from infra import demo
from infra.local.gateway import Gateway
from tests.support import patience
from tests.support.client import Client, Clock

# A busy machine is no failure. On CI the parent is Hypothesis' own profile, with the same examples each time.
settings.register_profile("gatehouse", settings.default, deadline=None)
settings.load_profile("gatehouse")

# Costs nothing, protects nothing.
CHEAP = Profile(iterations=1, lanes=1, memory_cost=8)

DEMO_SCOPE = "comments:read comments:write account"
ADMIN_SCOPE = f"{DEMO_SCOPE} comments:moderate users:write"

_numbers = count()

# Making a client takes longer than most tests.
connect = cache(patience.connect)


@pytest.fixture(scope="session")
def keys_exist() -> Any:
    """The table of the key ring with its first keys, as every test finds it."""
    made = assemble(os.environ)
    demo.add_keys(made)
    return deepcopy(emulated_tables()[made.settings.keys_table].items)


def empty_tables(names: Iterable[str]) -> None:
    """As a new stack would have them. Asking moto for it item by item would take longer than the tests."""
    for name in names:
        emulated_tables()[name].items.clear()


def emulated_tables() -> Any:
    return dynamodb_backends[DEFAULT_ACCOUNT_ID][os.environ["AWS_REGION"]].tables


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def services(clock: Clock, keys_exist: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    """The services of this test. All its tables are empty but that of the keys, which has the first ones."""
    monkeypatch.setattr("chalicelib.services.connect", connect)
    monkeypatch.setattr(deadline, "INVOCATION", patience.END)
    made = replace(assemble(os.environ), profile=CHEAP, clock=clock)
    named = (text for name, text in os.environ.items() if re.fullmatch("GATEHOUSE_.*_TABLE", name))
    empty_tables(named)
    emulated_tables()[made.settings.keys_table].items.update(deepcopy(keys_exist))
    install(made)
    yield made
    install(None)


@pytest.fixture
def client(services: Services, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Client:
    """Speaks with the app through the local gateway, without sockets."""

    def fetch(uri: str) -> bytes:
        assert uri == "https://gatehouse.example/.well-known/jwks.json"
        return json.dumps(services.keys.ring(services.now()).jwk_set(services.now())).encode()

    gate = Gate(services.settings, authorizer.PROTECTED, fetch, clock)
    monkeypatch.setattr(authorizer, "GATE", gate)
    return Client(Gateway(app, clock))


def new_user(
    services: Services,
    scope: str = DEMO_SCOPE,
    password: str = "demo-password",
    **record: object,
) -> User:
    """A user whom no other test knows."""
    name = f"user-{next(_numbers)}-{secrets.token_hex(4)}"
    user = User(
        sub=base64url.encode(secrets.token_bytes(16)),
        username=name,
        email=f"{name}@example.com",
        password_hash=services.passwords.hash(password),
        scope=parse(scope),
    )
    user = replace(user, **record)  # type: ignore[arg-type]
    services.users.add(user)
    return user


def set_scope(services: Services, user: User, scope: str) -> None:
    """Writes over what `user` may do, as an administrator would."""
    connect("dynamodb").update_item(
        TableName=services.settings.users_table,
        Key={"pk": {"S": f"sub:{user.sub}"}},
        UpdateExpression="SET granted_scope = :scope",
        ConditionExpression="attribute_exists(pk)",
        ExpressionAttributeValues={":scope": {"S": scope}},
    )


def disable(services: Services, user: User) -> None:
    """Disables `user`, as an administrator would."""
    services.sessions.end_all(user.sub, EndReason.DISABLED, services.now())


@pytest.fixture
def contents(services: Services) -> Callable[[], list[str]]:
    """Reads every user, session and comment, to compare before and after."""

    def read() -> list[str]:
        names = (services.settings.users_table, services.settings.sessions_table, services.settings.comments_table)
        paginator = connect("dynamodb").get_paginator("scan")
        pages = (page for name in names for page in paginator.paginate(TableName=name))
        return sorted(repr(sorted(item.items())) for page in pages for item in page["Items"])

    return read


@pytest.fixture
def user(services: Services) -> User:
    return new_user(services)


@pytest.fixture
def admin(services: Services) -> User:
    return new_user(services, ADMIN_SCOPE)
