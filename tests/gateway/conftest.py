"""A world for each test."""

import pytest

from tests.gateway.world import World


@pytest.fixture
def world() -> World:
    return World()
