"""A world for each test."""

import pytest

from tests.infra.local.world import World


@pytest.fixture
def world() -> World:
    return World()
