"""A key ring that no other test knows, in the emulated table."""

import os
from collections.abc import Iterator

import pytest
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends

from chalicelib.runtime import Runtime


@pytest.fixture
def empty_ring(house: Runtime) -> Iterator[None]:
    """The ring's table, empty; afterwards it is as it was, for the tests that share its keys."""
    table = dynamodb_backends[DEFAULT_ACCOUNT_ID][os.environ["AWS_REGION"]].tables[house.settings.keys_table]
    shared = dict(table.items)
    table.items.clear()
    yield
    table.items.clear()
    table.items.update(shared)


@pytest.fixture
def ring(house: Runtime, empty_ring: None) -> None:
    """A ring of the first keys, made now."""
    house.rotation.run(house.now())
