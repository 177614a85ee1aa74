"""Whatever the settings are and however the runs go: nobody meets a key that they cannot have.

How old may the newest JWK Set be that a verifier can lay hands on? A container serves its ring, which is at
most `jwks_max_age` old; a shared cache keeps what it was served for as long again, and the verifier what it was
given. Clocks lie apart by `CLOCK_SKEW`. So: three times `jwks_max_age`, and the skew.
"""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from chalicelib.errors import StoreUnavailableError
from chalicelib.keys.ring import Purpose, Role
from chalicelib.keys.rotation import KEPT_WHEN_GONE
from chalicelib.services import CLOCK_SKEW
from chalicelib.settings import Settings
from tests.keys.expected import DAY, DEFAULTS, HOUR, LEAD, PERIOD, cached_for, lives_for, newest, plan, rotation
from tests.keys.memory import Dying, MemoryRing
from tests.keys.world import BEGIN, WAYS, Step, World, runs, signing, usable

any_settings = st.builds(
    DEFAULTS._replace,
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


# --- By the default settings


@pytest.mark.parametrize("purpose", Purpose)
def test_the_next_key_is_published_when_the_lead_begins(store: MemoryRing, purpose: Purpose) -> None:
    assert rotation(store).run(BEGIN + PERIOD - LEAD - 1) == []
    assert len(rotation(store).run(BEGIN + PERIOD - LEAD)) == len(Purpose)
    assert newest(store, purpose).published_at == BEGIN + PERIOD - LEAD
    assert newest(store, purpose).signs_from == BEGIN + PERIOD


def test_a_late_run_publishes_as_long_before(store: MemoryRing) -> None:
    late = BEGIN + 3 * PERIOD
    assert rotation(store).run(late)
    assert newest(store).signs_from == late + LEAD


def test_runs_that_were_missed_are_not_made_up_for_one_by_one(store: MemoryRing) -> None:
    late = BEGIN + 10 * PERIOD
    rotation(store).run(late)
    assert rotation(store).run(late + HOUR) == []


@examples(deadline=None)
@given(st.integers(0, DAY), st.integers(0, 3_600), st.lists(st.integers(0, DAY), min_size=1, max_size=30))
def test_without_operators_never_more_than_one_key_waits(period: int, max_age: int, waits: list[int]) -> None:
    world = World(DEFAULTS._replace(key_rotation_period=period, jwks_max_age=max_age))
    for wait in waits:
        world.happen(Step(wait, runs))
        for purpose in Purpose:
            roles = [world.ring(world.now).role(entry, world.now) for entry in world.ring(world.now).of(purpose)]
            assert roles.count(Role.PENDING) <= 1


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("write", range(3))
def test_a_run_that_dies_leaves_whole_keys_and_the_next_one_does_the_rest(write: int, after: bool) -> None:
    died, whole = World(DEFAULTS), World(DEFAULTS)
    for world in (died, whole):
        for wait in (0, PERIOD, PERIOD):
            world.happen(Step(wait, runs))
    when = died.now + PERIOD  # two keys to add, and two to remove
    with pytest.raises(StoreUnavailableError):
        rotation(Dying(died.store, write, after=after)).run(when)
    rotation(died.store).run(when)
    rotation(whole.store).run(when)
    assert plan(died.store) == plan(whole.store)


def test_another_algorithm_is_a_rotation_ahead_of_time(store: MemoryRing) -> None:
    changed = rotation(store, DEFAULTS._replace(signing_alg="EdDSA"))
    (kid,) = changed.run(BEGIN + HOUR)
    entry = newest(store)
    assert (entry.kid, entry.alg, entry.signs_from) == (kid, "EdDSA", BEGIN + HOUR + LEAD)
    assert changed.run(BEGIN + 2 * HOUR) == []


def test_another_algorithm_does_not_wait_behind_a_pending_key_of_the_old_one(store: MemoryRing) -> None:
    rotation(store).run(BEGIN + PERIOD - LEAD)
    rotation(store, DEFAULTS._replace(signing_alg="EdDSA")).run(BEGIN + PERIOD - LEAD)
    ring = rotation(store).ring()
    (entry,) = signing(ring, Purpose.ACCESS_TOKEN, BEGIN + PERIOD)
    assert entry.alg == "EdDSA"


@pytest.mark.parametrize("purpose", Purpose)
def test_a_key_is_removed_a_day_after_it_is_gone_and_not_before(store: MemoryRing, purpose: Purpose) -> None:
    first = newest(store, purpose)
    rotation(store).run(BEGIN + PERIOD - LEAD)
    gone_at = BEGIN + PERIOD + lives_for(DEFAULTS, purpose)
    rotation(store).run(gone_at + KEPT_WHEN_GONE - 1)
    assert first in store.load()
    rotation(store).run(gone_at + KEPT_WHEN_GONE)
    assert first not in store.load()


def test_an_hmac_key_stays_for_the_idle_lifetime_and_the_grace(store: MemoryRing) -> None:
    first = newest(store, Purpose.REFRESH_TOKEN)
    rotation(store).run(BEGIN + PERIOD - LEAD)
    ring = rotation(store).ring()
    last = BEGIN + PERIOD + DEFAULTS.session_idle_lifetime + DEFAULTS.refresh_grace + CLOCK_SKEW - 1
    assert (ring.role(first, last), ring.role(first, last + 1)) == (Role.RETIRED, Role.GONE)


@any_history
def test_no_number_is_ever_given_twice(settings: Settings, steps: list[Step]) -> None:
    world = World(settings)
    given_to: dict[tuple[Purpose, int], str] = {}
    for step in steps:
        world.happen(step)
        for entry in world.store.load():
            assert given_to.setdefault((entry.purpose, entry.serial), entry.kid) == entry.kid
