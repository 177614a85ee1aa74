"""ministack, a services on it, and threads to race in. It starts with the first test that asks for it."""

import os
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from unittest import mock

import pytest

from chalicelib.model import User
from chalicelib.services import Services, install
from infra import demo
from infra.emulated import ministack
from tests.conftest import new_user
from tests.races import contest
from tests.support import patience


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "ministack: runs against ministack, for races")


@pytest.fixture(scope="session")
def ministack_environment() -> Iterator[Mapping[str, str]]:
    with ministack.running() as environment:
        yield environment


@pytest.fixture(scope="session")
def arena(ministack_environment: Mapping[str, str]) -> Services:
    """The services on ministack. Its clock stands at the real time: by that ministack deletes what has expired."""
    patient = mock.patch("chalicelib.services.connect", patience.connect)
    with mock.patch.dict(os.environ, ministack_environment), patient:
        services = contest.assemble(os.environ, int(time.time()))
        demo.add_keys(services)  # every client is made by it, at this endpoint
    return services


@pytest.fixture
def racer(arena: Services) -> User:
    """A user of the arena whom no other test knows."""
    return new_user(arena)


@pytest.fixture(scope="session")
def threads() -> Iterator[Executor]:
    with ThreadPoolExecutor(contest.CONTESTANTS) as executor:
        yield executor


@pytest.fixture
def serving(arena: Services) -> Iterator[None]:
    """The arena serves the app."""
    install(arena)
    yield
    install(None)
