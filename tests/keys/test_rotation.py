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

from chalicelib.clocks import CLOCK_SKEW
from chalicelib.errors import StoreUnavailableError
from chalicelib.keys.ring import KeyEntry, Purpose, Role
from chalicelib.keys.rotation import KEPT_WHEN_GONE
from chalicelib.settings import Settings
from tests.keys.expected import (
    DAY,
    DEFAULTS,
    HOUR,
    LEAD,
    PERIOD,
    PURPOSES,
    cached_for,
    lives_for,
    newest,
    oldest,
    plan,
    ring_of,
    rotation,
)
from tests.keys.memory import Dying, MemoryRing, Slot, slot_of
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
def test_at_any_time_there_is_one_key_that_signs_with_each_algorithm_and_never_none(
    settings: Settings, steps: list[Step]
) -> None:
    world = history(settings, steps)
    for moment in world.moments():
        for purpose in PURPOSES:
            ring = world.ring(moment)
            entries = signing(ring, purpose, moment)
            assert entries
            for entry in entries:
                assert entry == ring.active(purpose, entry.alg, moment)
                assert entry == ring.signer(purpose, entry.alg, moment)
            assert ring.signer(purpose, "of no key", moment) in entries


@any_history
def test_a_key_is_published_longer_than_anyone_caches_the_set_before_it_signs(
    settings: Settings, steps: list[Step]
) -> None:
    world = history(settings, steps)
    for moment in world.moments():
        for purpose in PURPOSES:
            for entry in signing(world.ring(moment), purpose, moment):
                if entry.kid not in world.at_once:
                    for age in (0, cached_for(settings) // 2, cached_for(settings)):
                        assert entry.kid in usable(world.ring(moment - age), purpose, moment - age)


@any_history
def test_a_key_stays_until_the_last_thing_that_it_signed_is_dead(settings: Settings, steps: list[Step]) -> None:
    world = history(settings, steps)
    moments = list(world.moments())
    for purpose in PURPOSES:
        accepted = {moment: accepted_at(world, purpose, moment) for moment in moments}
        for signed_at in moments:
            for entry in signing(world.ring(signed_at), purpose, signed_at):
                last = signed_at + lives_for(settings, purpose) - 1
                assert entry.kid in accepted_at(world, purpose, last)
                assert all(entry.kid in accepted[moment] for moment in moments if signed_at <= moment <= last)


def accepted_at(world: World, purpose: Purpose, moment: int) -> set[str]:
    """By which keys something is accepted at `moment`, or was until somebody revoked them."""
    ring = world.ring(moment)
    return usable(ring, purpose, moment) | {entry.kid for entry in ring.entries if entry.revoked_at is not None}


# --- By the default settings


@pytest.mark.parametrize("purpose", PURPOSES)
def test_the_next_key_is_published_when_the_one_before_begins_to_sign(store: MemoryRing, purpose: Purpose) -> None:
    assert [entry.signs_from for entry in ring_of(store, purpose)] == [BEGIN, BEGIN + PERIOD]
    assert rotation(store).run(BEGIN + PERIOD - 1) == []
    assert len(rotation(store).run(BEGIN + PERIOD)) == len(PURPOSES)
    assert newest(store, purpose).published_at == BEGIN + PERIOD
    assert newest(store, purpose).signs_from == BEGIN + 2 * PERIOD


def test_nothing_is_made_that_nobody_names() -> None:
    store = MemoryRing()
    rotation(store).run(BEGIN)
    assert {(entry.purpose, entry.alg) for entry in store.load()} == {
        (Purpose.ACCESS_TOKEN, "ES256"),
        (Purpose.REFRESH_TOKEN, "HS256"),
    }


def test_the_standby_signs_though_the_schedule_never_runs_again(store: MemoryRing) -> None:
    ring = rotation(store).ring()
    assert signing(ring, Purpose.ACCESS_TOKEN, BEGIN + 5 * PERIOD) == [newest(store)]


def test_a_late_run_publishes_as_long_before(store: MemoryRing) -> None:
    late = BEGIN + 3 * PERIOD
    assert rotation(store).run(late)
    assert newest(store).signs_from == late + LEAD


def test_runs_that_were_missed_are_not_made_up_for_one_by_one(store: MemoryRing) -> None:
    late = BEGIN + 10 * PERIOD
    rotation(store).run(late)
    assert rotation(store).run(late + LEAD - 1) == []


@examples(deadline=None)
@given(st.integers(0, DAY), st.integers(0, 3_600), st.lists(st.integers(0, DAY), min_size=1, max_size=30))
def test_without_operators_one_key_waits(period: int, max_age: int, waits: list[int]) -> None:
    world = World(DEFAULTS._replace(key_rotation_period=period, jwks_max_age=max_age))
    for wait in waits:
        world.happen(Step(wait, runs))
        for purpose in PURPOSES:
            ring = world.ring(world.now)
            roles = [ring.role(entry, world.now) for entry in ring.trusted(purpose)]
            assert roles.count(Role.PENDING) == 1


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


OTHER = DEFAULTS._replace(signing_alg="EdDSA")


def test_another_algorithm_signs_when_it_has_been_published_for_long_enough(store: MemoryRing) -> None:
    changed = rotation(store, OTHER)
    (kid,) = changed.run(BEGIN + HOUR)
    entry = newest(store)
    assert (entry.kid, entry.alg, entry.signs_from) == (kid, "EdDSA", BEGIN + HOUR + LEAD)
    assert changed.run(entry.signs_from - 1) == []
    for moment, signer in ((entry.signs_from - 1, oldest(store)), (entry.signs_from, entry)):
        assert changed.ring().signer(Purpose.ACCESS_TOKEN, "EdDSA", moment) in (signer, changed_now(store, signer))
    assert len(changed.run(entry.signs_from)) == 1, "its own standby"


def changed_now(store: MemoryRing, entry: KeyEntry) -> KeyEntry:
    return next(found for found in store.load() if found.kid == entry.kid)


def test_the_keys_of_an_algorithm_that_nobody_names_any_more_end_and_are_removed(store: MemoryRing) -> None:
    changed = rotation(store, OTHER)
    changed.run(BEGIN + HOUR)
    ended = [entry for entry in store.load() if entry.alg == "ES256"]
    assert [entry.signs_until for entry in ended] == [BEGIN + HOUR + LEAD] * 2
    gone_at = BEGIN + HOUR + LEAD + lives_for(DEFAULTS, Purpose.ACCESS_TOKEN)
    for moment, role in ((gone_at - 1, Role.RETIRED), (gone_at, Role.GONE)):
        assert {changed.ring().role(entry, moment) for entry in ended} == {role}
    changed.run(gone_at + KEPT_WHEN_GONE - 1)
    assert {entry.alg for entry in ring_of(store)} == {"ES256", "EdDSA"}
    changed.run(gone_at + KEPT_WHEN_GONE)
    assert {entry.alg for entry in ring_of(store)} == {"EdDSA"}


def test_an_algorithm_that_is_named_again_gets_new_keys_and_nothing_that_ended_comes_back(
    store: MemoryRing,
) -> None:
    rotation(store, OTHER).run(BEGIN + HOUR)
    back = BEGIN + HOUR + LEAD + 60
    rotation(store).run(back)
    ring = rotation(store).ring()
    (first,) = [entry for entry in ring_of(store) if entry.alg == "ES256" and entry.signs_until is None]
    assert (first.published_at, first.signs_from) == (back, back + LEAD)
    for moment in (back, back + LEAD - 1, back + LEAD, BEGIN + 2 * PERIOD):
        signer = ring.signer(Purpose.ACCESS_TOKEN, "ES256", moment)
        assert signer is not None
        assert (signer == first) == (moment >= back + LEAD)
        assert signer.alg == ("ES256" if moment >= back + LEAD else "EdDSA")


def test_an_old_algorithm_goes_on_where_the_new_one_s_first_key_is_revoked(store: MemoryRing) -> None:
    changed, now = rotation(store, OTHER), BEGIN + HOUR
    (kid,) = changed.run(now)
    assert changed.revoke(kid, now + LEAD - 1) is None
    instead = newest(store)
    assert instead.signs_from == now + 2 * LEAD - 1
    ring = changed.ring()
    assert [entry.alg for entry in signing(ring, Purpose.ACCESS_TOKEN, now + 2 * LEAD - 2)] == ["ES256"]
    assert signing(ring, Purpose.ACCESS_TOKEN, now + 2 * LEAD - 1) == [instead]


@pytest.mark.parametrize("purpose", PURPOSES)
def test_a_key_is_removed_a_day_after_it_is_gone_and_not_before(store: MemoryRing, purpose: Purpose) -> None:
    first = oldest(store, purpose)
    gone_at = BEGIN + PERIOD + lives_for(DEFAULTS, purpose)
    rotation(store).run(gone_at + KEPT_WHEN_GONE - 1)
    assert first in store.load()
    rotation(store).run(gone_at + KEPT_WHEN_GONE)
    assert first not in store.load()


def test_an_hmac_key_stays_for_the_idle_lifetime_and_the_grace(store: MemoryRing) -> None:
    first = oldest(store, Purpose.REFRESH_TOKEN)
    ring = rotation(store).ring()
    last = BEGIN + PERIOD + DEFAULTS.session_idle_lifetime + DEFAULTS.refresh_grace + CLOCK_SKEW - 1
    assert (ring.role(first, last), ring.role(first, last + 1)) == (Role.RETIRED, Role.GONE)


@any_history
def test_no_number_is_ever_given_twice(settings: Settings, steps: list[Step]) -> None:
    world = World(settings)
    given_to: dict[Slot, str] = {}
    for step in steps:
        world.happen(step)
        for entry in world.store.load():
            assert given_to.setdefault(slot_of(entry), entry.kid) == entry.kid
        # A ring that ended and is used again long after begins anew.
        given_to = {slot: kid for slot, kid in given_to.items() if slot[:2] in rings(world)}


def rings(world: World) -> set[tuple[Purpose, str]]:
    return {(entry.purpose, entry.alg) for entry in world.store.load()}
