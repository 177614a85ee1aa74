"""Whatever the settings are and however the runs go: nobody meets a key that they cannot have.

How old may the newest JWK Set be that a verifier can lay hands on? A container serves its ring, which is at
most `jwks_max_age` old; a shared cache keeps what it was served for as long again, and the verifier what it was
given. Clocks lie apart by `CLOCK_SKEW`. So: three times `jwks_max_age`, and the skew.
"""

import secrets
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from chalicelib.errors import StoreUnavailableError
from chalicelib.keys import KeyEntry, Purpose, Role
from chalicelib.rotation import KEPT_WHEN_GONE, Rotation, Store
from chalicelib.runtime import CLOCK_SKEW, Runtime, _outlives, _schedules
from chalicelib.settings import Settings
from tests.keys.memory import Dying, Late, MemoryRing
from tests.keys.world import BEGIN, WAYS, Step, World, runs, signing, usable

HOUR, DAY = 3_600, 86_400
DEFAULTS = Settings()

any_settings = st.builds(
    Settings,
    access_token_lifetime=st.integers(1, 3 * HOUR),
    session_idle_lifetime=st.integers(1, 20 * DAY),
    jwks_max_age=st.integers(0, 3 * HOUR),
    key_rotation_period=st.one_of(st.integers(0, 6 * HOUR), st.integers(0, 60 * DAY)),
    signing_alg=st.sampled_from(["ES256", "EdDSA"]),
)
any_step = st.builds(
    Step,
    wait=st.one_of(st.integers(0, 2 * HOUR), st.integers(0, 50 * DAY)),
    way=st.sampled_from(WAYS),
    number=st.integers(0, 6),
)
any_steps = st.lists(any_step, min_size=1, max_size=10)


def any_history(test: Callable[[Settings, list[Step]], None]) -> Callable[[], None]:
    """Gives `test` settings, and what happens to the ring."""
    return examples(deadline=None)(given(any_settings, any_steps)(test))


def cached_for(settings: Settings) -> int:
    """How old the set that anyone goes by can be, in seconds: a ring, a shared cache and a verifier."""
    return settings.jwks_max_age + settings.jwks_max_age + settings.jwks_max_age + CLOCK_SKEW


def lives_for(settings: Settings, purpose: Purpose) -> int:
    """How long after its making somebody may still accept what a key of `purpose` signed."""
    lifetimes = {
        Purpose.ACCESS_TOKEN: settings.access_token_lifetime,
        Purpose.REFRESH_TOKEN: settings.session_idle_lifetime,
    }
    return lifetimes[purpose] + CLOCK_SKEW


def history(settings: Settings, steps: list[Step]) -> World:
    """A ring after `steps`, and after one good run, since the first may have died."""
    world = World(settings)
    world.happen(Step(0, runs))
    for step in steps:
        world.happen(step)
    return world


# --- For any settings, any times and any accidents


@any_history
def test_exactly_one_key_signs_at_any_time(settings: Settings, steps: list[Step]) -> None:
    world = history(settings, steps)
    for moment in world.moments():
        for purpose in Purpose:
            (entry,) = signing(world.ring(moment), purpose, moment)
            assert entry == world.ring(moment).active(purpose, moment)


@any_history
def test_a_key_is_published_longer_than_anyone_caches_the_set_before_it_signs(
    settings: Settings, steps: list[Step]
) -> None:
    world = history(settings, steps)
    for moment in world.moments():
        for purpose in Purpose:
            (entry,) = signing(world.ring(moment), purpose, moment)
            if entry.kid not in world.at_once:
                for age in (0, cached_for(settings) // 2, cached_for(settings)):
                    assert entry.kid in usable(world.ring(moment - age), purpose, moment - age)


@any_history
def test_a_key_stays_until_the_last_thing_that_it_signed_is_dead(settings: Settings, steps: list[Step]) -> None:
    world = history(settings, steps)
    moments = list(world.moments())
    for purpose in Purpose:
        accepted = {moment: accepted_at(world, purpose, moment) for moment in moments}
        for signed_at in moments:
            (entry,) = signing(world.ring(signed_at), purpose, signed_at)
            last = signed_at + lives_for(settings, purpose) - 1
            assert entry.kid in accepted_at(world, purpose, last)
            assert all(entry.kid in accepted[moment] for moment in moments if signed_at <= moment <= last)


def accepted_at(world: World, purpose: Purpose, moment: int) -> set[str]:
    """By which keys something is accepted at `moment`, or was until somebody revoked them."""
    ring = world.ring(moment)
    return usable(ring, purpose, moment) | {entry.kid for entry in ring.entries if entry.revoked_at is not None}
