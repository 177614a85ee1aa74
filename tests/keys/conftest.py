"""A key ring that no other test knows, and a gate that reads the JWK Set as it is served."""

import os
from collections.abc import Iterator

import pytest
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends

from app import app
from chalicelib import authorizer
from chalicelib.gate.decision import Gate
from chalicelib.services import Services
from infra.local.gateway import Gateway
from tests.keys.expected import PURPOSES, rotation
from tests.keys.memory import MemoryRing
from tests.keys.world import BEGIN
from tests.support.client import Client, Clock

JWKS = "/.well-known/jwks.json"


@pytest.fixture
def empty_ring(services: Services) -> Iterator[None]:
    """The ring's table, empty; afterwards it is as it was, for the tests that share its keys."""
    table = dynamodb_backends[DEFAULT_ACCOUNT_ID][os.environ["AWS_REGION"]].tables[services.settings.keys_table]
    shared = dict(table.items)
    table.items.clear()
    yield
    table.items.clear()
    table.items.update(shared)


@pytest.fixture
def ring(services: Services, empty_ring: None) -> None:
    """A ring of the first keys, made now."""
    services.rotation.run(services.now())


@pytest.fixture
def client(services: Services, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Client:
    """Speaks with the app through the local gateway, and the gate reads the JWK Set from there too."""
    made = Client(Gateway(app, clock))

    def fetch(uri: str) -> bytes:
        assert uri == f"https://gatehouse.example{JWKS}"
        return made.send("GET", JWKS).body

    monkeypatch.setattr(authorizer, "GATE", Gate(services.settings, authorizer.PROTECTED, fetch, clock))
    return made


@pytest.fixture
def store() -> MemoryRing:
    """The first key for each purpose, signing since `BEGIN`, and its standby."""
    made = MemoryRing()
    assert len(rotation(made).run(BEGIN)) == 2 * len(PURPOSES)
    return made
