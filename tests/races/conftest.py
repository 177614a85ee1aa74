"""ministack, a house on it, and threads to race in. It starts with the first test that asks for it."""

import os
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from unittest import mock

import pytest

from chalicelib import services
from chalicelib.model import User
from chalicelib.services import Runtime
from infra import demo
from infra.emulated import ministack
from tests.conftest import new_user
from tests.races import contest


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "ministack: runs against ministack, the judge of races")


@pytest.fixture(scope="session")
def ministack_environment() -> Iterator[Mapping[str, str]]:
    with ministack.running() as environment:
        yield environment


@pytest.fixture(scope="session")
def arena(ministack_environment: Mapping[str, str]) -> Runtime:
    """The house on ministack. Its clock stands at the real time: by that ministack deletes what has expired."""
    with mock.patch.dict(os.environ, ministack_environment):
        house = contest.assemble(os.environ, int(time.time()))
        demo.add_keys(house)  # every client is made by it, at this endpoint
    return house


@pytest.fixture
def racer(arena: Runtime) -> User:
    """A user of the arena whom no other test knows."""
    return new_user(arena)


@pytest.fixture(scope="session")
def threads() -> Iterator[Executor]:
    with ThreadPoolExecutor(contest.CONTESTANTS) as executor:
        yield executor


@pytest.fixture
def serving(arena: Runtime) -> Iterator[None]:
    """The arena serves the app."""
    services.install(arena)
    yield
    services.install(None)
