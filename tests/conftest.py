"""What many tests need: the emulated AWS, the house with a clock that tests turn, and the local gateway before it."""

import json
import os
import secrets
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
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
from chalicelib import authorizer, base64url, runtime, username
from chalicelib.authorizer import Gate
from chalicelib.model import User
from chalicelib.password import Profile
from chalicelib.runtime import Runtime
from chalicelib.scope import parse, serialize
from chalicelib.stores import aws
from infra import demo, template
from infra.gateway import Gateway
from tests.client import Client, Clock

# Costs nothing, protects nothing.
CHEAP = Profile(iterations=1, lanes=1, memory_cost=8)

DEMO_SCOPE = "comments:read comments:write account"
ADMIN_SCOPE = f"{DEMO_SCOPE} comments:moderate users:write"

_numbers = count()

# Making a client takes longer than most tests.
connect = cache(aws.connect)


@pytest.fixture(scope="session")
def keys_exist() -> None:
    demo.add_keys(runtime.assemble(os.environ))


@pytest.fixture(scope="module")
def tables() -> dict[str, str]:
    """Empty tables for one module, as the template describes them, under the variables that name them."""
    dynamodb = connect("dynamodb")
    made = {}
    for name, item in template.emulated()["Resources"].items():
        if item["Type"] == "AWS::DynamoDB::Table" and name != "Keys":
            properties = ("AttributeDefinitions", "KeySchema", "BillingMode")
            description = {part: item["Properties"][part] for part in properties}
            table = f"{name}-{secrets.token_hex(4)}"
            dynamodb.create_table(TableName=table, **description)
            made[f"GATEHOUSE_{name.upper()}_TABLE"] = table
    return made


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def house(
    clock: Clock, keys_exist: None, tables: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Runtime]:
    """The runtime of this test, on its module's tables: a name that a test uses must be its own (`new_user`)."""
    monkeypatch.setattr(runtime, "connect", connect)
    made = replace(runtime.assemble({**os.environ, **tables}), profile=CHEAP, clock=clock)
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


def change_user(house: Runtime, user: User, *, scope: str | None = None, disabled: bool = False) -> None:
    """Writes over the record of `user`, as an administrator would."""
    granted = serialize(user.scope) if scope is None else scope
    connect("dynamodb").update_item(
        TableName=house.settings.users_table,
        Key={"pk": {"S": f"username:{username.key(user.username)}"}},
        UpdateExpression="SET granted_scope = :scope, disabled = :disabled",
        ConditionExpression="attribute_exists(pk)",
        ExpressionAttributeValues={":scope": {"S": granted}, ":disabled": {"BOOL": disabled}},
    )


@pytest.fixture
def contents(house: Runtime) -> Callable[[], list[str]]:
    """Reads every user, session and comment, to compare before and after."""

    def read() -> list[str]:
        names = (house.settings.users_table, house.settings.sessions_table, house.settings.comments_table)
        paginator = connect("dynamodb").get_paginator("scan")
        pages = (page for name in names for page in paginator.paginate(TableName=name))
        return sorted(repr(sorted(item.items())) for page in pages for item in page["Items"])

    return read


@pytest.fixture
def user(house: Runtime) -> User:
    return new_user(house)


@pytest.fixture
def admin(house: Runtime) -> User:
    return new_user(house, ADMIN_SCOPE)
