"""Whatever the settings are and however the runs go: nobody meets a key that they cannot have.

How old may the newest JWK Set be that a verifier can lay hands on? A container serves its ring, which is at
most `jwks_max_age` old; a shared cache keeps what it was served for as long again, and the verifier what it was
given. Clocks lie apart by `CLOCK_SKEW`. So: three times `jwks_max_age`, and the skew.
"""

import secrets
from collections.abc import Callable
from dataclasses import replace
from threading import Barrier, Thread

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from chalicelib.errors import NotFoundError, StoreUnavailableError
from chalicelib.keys import KeyEntry, Purpose, Role
from chalicelib.rotation import KEPT_WHEN_GONE, Rotation, Store
from chalicelib.runtime import CLOCK_SKEW, Runtime, _outlives, _schedules
from chalicelib.settings import Settings
from tests.keys.memory import Dying, Late, MemoryRing
from tests.keys.world import BEGIN, WAYS, Step, World, is_forced, loses_a_key, runs, signing, usable

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


# --- By the default settings

LEAD = cached_for(DEFAULTS)
PERIOD = DEFAULTS.key_rotation_period


def rotation(store: Store, settings: Settings = DEFAULTS) -> Rotation:
    return Rotation(store, _schedules(settings), _outlives(settings), secrets.token_bytes)


def newest(store: Store, purpose: Purpose = Purpose.ACCESS_TOKEN) -> KeyEntry:
    return max((entry for entry in store.load() if entry.purpose is purpose), key=lambda entry: entry.serial)


@pytest.fixture
def store() -> MemoryRing:
    """The first key for each purpose, signing since `BEGIN`."""
    made = MemoryRing()
    assert len(rotation(made).run(BEGIN)) == len(Purpose)
    return made


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


@given(st.integers(0, DAY), st.integers(0, 3_600), st.lists(st.integers(0, DAY), min_size=1, max_size=30))
def test_without_operators_never_more_than_one_key_waits(period: int, max_age: int, waits: list[int]) -> None:
    world = World(replace(DEFAULTS, key_rotation_period=period, jwks_max_age=max_age))
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


def plan(store: Store) -> list[tuple[str, int, int, int]]:
    """All of a ring but the keys themselves."""
    slots = [(entry.purpose, entry.serial, entry.published_at, entry.signs_from) for entry in store.load()]
    return sorted(slots)


def test_another_algorithm_is_a_rotation_ahead_of_time(store: MemoryRing) -> None:
    changed = rotation(store, replace(DEFAULTS, signing_alg="EdDSA"))
    (kid,) = changed.run(BEGIN + HOUR)
    entry = newest(store)
    assert (entry.kid, entry.alg, entry.signs_from) == (kid, "EdDSA", BEGIN + HOUR + LEAD)
    assert changed.run(BEGIN + 2 * HOUR) == []


def test_another_algorithm_does_not_wait_behind_a_pending_key_of_the_old_one(store: MemoryRing) -> None:
    rotation(store).run(BEGIN + PERIOD - LEAD)
    rotation(store, replace(DEFAULTS, signing_alg="EdDSA")).run(BEGIN + PERIOD - LEAD)
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


def test_an_hmac_key_stays_for_the_idle_lifetime(store: MemoryRing) -> None:
    first = newest(store, Purpose.REFRESH_TOKEN)
    rotation(store).run(BEGIN + PERIOD - LEAD)
    ring = rotation(store).ring()
    last = BEGIN + PERIOD + DEFAULTS.session_idle_lifetime + CLOCK_SKEW - 1
    assert (ring.role(first, last), ring.role(first, last + 1)) == (Role.RETIRED, Role.GONE)


@given(any_settings, any_steps)
def test_no_number_is_ever_given_twice(settings: Settings, steps: list[Step]) -> None:
    world = World(settings)
    given_to: dict[tuple[Purpose, int], str] = {}
    for step in steps:
        world.happen(step)
        for entry in world.store.load():
            assert given_to.setdefault((entry.purpose, entry.serial), entry.kid) == entry.kid


# --- What operators do


@pytest.mark.parametrize("purpose", Purpose)
def test_a_forced_key_is_published_as_long_before(store: MemoryRing, purpose: Purpose) -> None:
    kid = rotation(store).force(purpose, BEGIN + HOUR)
    assert (newest(store, purpose).kid, newest(store, purpose).signs_from) == (kid, BEGIN + HOUR + LEAD)


@pytest.mark.parametrize("purpose", Purpose)
def test_the_first_key_signs_at_once_when_it_is_forced_too(purpose: Purpose) -> None:
    store = MemoryRing()
    rotation(store).force(purpose, BEGIN)
    assert signing(rotation(store).ring(), purpose, BEGIN) == store.load()


def test_the_schedule_counts_from_a_forced_key(store: MemoryRing) -> None:
    rotation(store).force(Purpose.ACCESS_TOKEN, BEGIN + PERIOD // 2)
    added = rotation(store).run(BEGIN + PERIOD)
    assert {entry.purpose for entry in store.load() if entry.kid in added} == {Purpose.REFRESH_TOKEN}


@pytest.mark.parametrize("purpose", Purpose)
def test_the_key_in_the_place_of_a_revoked_one_signs_whatever_the_clocks_say(
    store: MemoryRing, purpose: Purpose
) -> None:
    now = BEGIN + HOUR
    kid = rotation(store).revoke(newest(store, purpose).kid, now)
    ring = rotation(store).ring()
    for clock in (now - CLOCK_SKEW, now, now + CLOCK_SKEW):
        assert [entry.kid for entry in signing(ring, purpose, clock)] == [kid]


def test_revoking_leaves_the_other_purpose_and_the_schedule_alone(store: MemoryRing) -> None:
    other = newest(store, Purpose.REFRESH_TOKEN)
    rotation(store).revoke(newest(store).kid, BEGIN + HOUR)
    assert newest(store, Purpose.REFRESH_TOKEN) == other
    assert rotation(store).run(BEGIN + PERIOD - LEAD - 1) == []
    assert len(rotation(store).run(BEGIN + PERIOD - LEAD)) == len(Purpose)


def test_a_key_that_is_not_there_and_one_that_is_revoked_are_told_apart(store: MemoryRing) -> None:
    kid = newest(store).kid
    rotation(store).revoke(kid, BEGIN)
    with pytest.raises(NotFoundError, match="There is no such key"):
        rotation(store).revoke("unknown", BEGIN)
    with pytest.raises(NotFoundError, match="revoked already"):
        rotation(store).revoke(kid, BEGIN)
    assert store.revoked == [kid]


def test_a_revoked_key_stays_in_the_table_until_what_it_signed_is_long_dead(store: MemoryRing) -> None:
    kid = newest(store).kid
    rotation(store).revoke(kid, BEGIN)
    over = BEGIN + lives_for(DEFAULTS, Purpose.ACCESS_TOKEN) + KEPT_WHEN_GONE
    rotation(store).run(over - 1)
    assert kid in {entry.kid for entry in store.load()}
    rotation(store).run(over)
    assert kid not in {entry.kid for entry in store.load()}


# --- On DynamoDB and KMS


def moto_rotation(house: Runtime, store: Store | None = None) -> Rotation:
    return replace(house.rotation, store=store or house.key_store)


def test_two_places_that_read_before_either_wrote_add_one_key(house: Runtime, empty_ring: None) -> None:
    for now in (BEGIN, BEGIN + PERIOD - LEAD):
        first, second = (moto_rotation(house, Late(house.key_store)) for _ in range(2))
        assert len(first.run(now)) == len(Purpose)
        assert second.run(now) == []
    assert [serial for _, serial, _, _ in plan(house.key_store)] == [1, 2] * len(Purpose)


def test_threads_at_the_same_time_add_one_key(house: Runtime, empty_ring: None) -> None:
    together = Barrier(4)

    def run() -> None:
        store = Late(house.key_store)
        together.wait()
        moto_rotation(house, store).run(BEGIN)

    threads = [Thread(target=run) for _ in range(together.parties)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [serial for _, serial, _, _ in plan(house.key_store)] == [1] * len(Purpose)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("write", range(2))
def test_a_run_that_dies_leaves_whole_keys_in_the_table(
    house: Runtime, empty_ring: None, write: int, after: bool
) -> None:
    with pytest.raises(StoreUnavailableError):
        moto_rotation(house, Dying(house.key_store, write, after=after)).run(BEGIN)
    for entry in house.key_store.load():
        assert house.key_store.unseal(entry)
    moto_rotation(house).run(BEGIN)
    assert plan(house.key_store) == [(purpose, 1, BEGIN, BEGIN) for purpose in sorted(Purpose)]


def test_a_revocation_and_a_run_at_the_same_time_both_take(house: Runtime, ring: None) -> None:
    late = moto_rotation(house, Late(house.key_store))
    now = BEGIN + PERIOD - LEAD
    moto_rotation(house).run(now)  # takes the number that the late one had in mind
    kid = next(entry.kid for entry in house.key_store.load() if entry.purpose is Purpose.ACCESS_TOKEN)
    instead = late.revoke(kid, now)
    ring_now = house.rotation.ring()
    assert [entry.kid for entry in signing(ring_now, Purpose.ACCESS_TOKEN, now)] == [instead]
    assert [entry.serial for entry in house.key_store.load() if entry.purpose is Purpose.ACCESS_TOKEN] == [1, 2, 3]


def test_what_memory_and_the_table_make_of_it_is_the_same(house: Runtime, empty_ring: None) -> None:
    world = World(house.settings)
    ways = [(0, runs), (PERIOD, runs), (HOUR, is_forced), (PERIOD, loses_a_key), (PERIOD, runs)]
    steps = [Step(wait, way, number=3) for wait, way in ways]
    for step in steps:
        world.happen(step)
    emulated = World(house.settings, store=house.key_store)
    for step in steps:
        emulated.happen(step)
    assert plan(emulated.store) == plan(world.store)
