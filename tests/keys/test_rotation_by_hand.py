"""What operators do to the ring: a key ahead of its time, and one that is revoked."""

import pytest

from chalicelib.clocks import CLOCK_SKEW
from chalicelib.errors import NotFoundError
from chalicelib.keys.ring import KeyEntry, Purpose
from chalicelib.keys.rotation import KEPT_WHEN_GONE
from tests.keys.expected import (
    DEFAULTS,
    HOUR,
    LEAD,
    PERIOD,
    PURPOSES,
    lives_for,
    newest,
    oldest,
    ring_of,
    rotation,
)
from tests.keys.memory import Late, MemoryRing
from tests.keys.world import BEGIN, signing, usable

AT = BEGIN + HOUR


def kids(entries: list[KeyEntry]) -> list[str]:
    return [entry.kid for entry in entries]


@pytest.mark.parametrize("purpose", PURPOSES)
def test_a_forced_rotation_lets_the_standby_sign_whatever_the_clocks_say(
    store: MemoryRing, purpose: Purpose
) -> None:
    standby = newest(store, purpose)
    assert rotation(store).force(purpose, AT) == [standby.kid]
    ring = rotation(store).ring()
    for clock in (AT - CLOCK_SKEW, AT, AT + CLOCK_SKEW):
        assert kids(signing(ring, purpose, clock)) == [standby.kid]


@pytest.mark.parametrize("purpose", PURPOSES)
def test_it_publishes_the_next_key_and_leaves_the_schedule_alone(store: MemoryRing, purpose: Purpose) -> None:
    rotation(store).force(purpose, AT)
    assert len(ring_of(store, purpose)) == 3
    assert (newest(store, purpose).published_at, newest(store, purpose).signs_from) == (AT, BEGIN + PERIOD)
    assert rotation(store).run(BEGIN + PERIOD - 1) == []


def test_shortly_before_the_next_rotation_the_next_key_is_published_for_as_long_as_ever(store: MemoryRing) -> None:
    late = BEGIN + PERIOD - 60
    rotation(store).force(Purpose.ACCESS_TOKEN, late)
    assert newest(store).signs_from == late + LEAD


@pytest.mark.parametrize("purpose", PURPOSES)
def test_what_a_key_signed_until_it_was_forced_out_and_a_little_longer_stays_good(
    store: MemoryRing, purpose: Purpose
) -> None:
    first = oldest(store, purpose)
    rotation(store).force(purpose, AT)
    ring = rotation(store).ring()
    # Other containers sign with it until they have read the ring again.
    last = AT + LEAD + lives_for(DEFAULTS, purpose) - 1
    assert first.kid in usable(ring, purpose, last)
    assert first.kid not in usable(ring, purpose, last + 1)


@pytest.mark.parametrize("purpose", PURPOSES)
def test_the_first_key_signs_at_once_when_it_is_forced_too(purpose: Purpose) -> None:
    store = MemoryRing()
    forced = rotation(store).force(purpose, BEGIN)
    assert kids(signing(rotation(store).ring(), purpose, BEGIN)) == forced == [oldest(store, purpose).kid]


def test_of_two_who_force_at_the_same_time_one_does(store: MemoryRing) -> None:
    late = rotation(Late(store))
    assert rotation(store).force(Purpose.ACCESS_TOKEN, AT)
    assert late.force(Purpose.ACCESS_TOKEN, AT) == []
    assert len(ring_of(store)) == 3


def test_nothing_is_forced_that_nobody_names(store: MemoryRing) -> None:
    before = store.load()
    assert rotation(store).force(Purpose.ID_TOKEN, AT) == []
    assert store.load() == before


@pytest.mark.parametrize("purpose", PURPOSES)
def test_the_standby_of_a_revoked_key_signs_whatever_the_clocks_say(store: MemoryRing, purpose: Purpose) -> None:
    standby = newest(store, purpose)
    assert rotation(store).revoke(oldest(store, purpose).kid, AT) == standby.kid
    ring = rotation(store).ring()
    for clock in (AT - CLOCK_SKEW, AT, AT + CLOCK_SKEW):
        assert kids(signing(ring, purpose, clock)) == [standby.kid]


@pytest.mark.parametrize("revoked", [0, 1], ids=["active", "standby"])
def test_revoking_publishes_the_next_key_and_leaves_the_other_purpose_and_the_schedule_alone(
    store: MemoryRing, revoked: int
) -> None:
    others = ring_of(store, Purpose.REFRESH_TOKEN)
    rotation(store).revoke(ring_of(store)[revoked].kid, AT)
    assert (newest(store).published_at, newest(store).signs_from) == (AT, BEGIN + PERIOD)
    assert ring_of(store, Purpose.REFRESH_TOKEN) == others
    assert rotation(store).run(BEGIN + PERIOD - 1) == []
    assert len(rotation(store).run(BEGIN + PERIOD)) == len(PURPOSES)


def test_a_key_without_a_standby_gets_one_that_signs_in_its_place(store: MemoryRing) -> None:
    active, standby = ring_of(store)
    store.remove(standby)
    instead = rotation(store).revoke(active.kid, AT)
    assert kids(signing(rotation(store).ring(), Purpose.ACCESS_TOKEN, AT)) == [instead]
    assert len(ring_of(store)) == 3


def test_where_an_algorithm_ends_and_has_no_standby_the_new_one_s_key_signs(store: MemoryRing) -> None:
    active, standby = ring_of(store)
    changed = rotation(store, DEFAULTS._replace(signing_alg="EdDSA"))
    changed.run(AT)
    changed.revoke(standby.kid, AT)
    instead = changed.revoke(active.kid, AT)
    (signer,) = signing(changed.ring(), Purpose.ACCESS_TOKEN, AT)
    assert (signer.kid, signer.alg) == (instead, "EdDSA")


def test_a_key_that_is_not_there_and_one_that_is_revoked_are_told_apart(store: MemoryRing) -> None:
    kid = oldest(store).kid
    rotation(store).revoke(kid, BEGIN)
    with pytest.raises(NotFoundError, match="There is no such key"):
        rotation(store).revoke("unknown", BEGIN)
    with pytest.raises(NotFoundError, match="revoked already"):
        rotation(store).revoke(kid, BEGIN)
    assert store.revoked == [kid]


def test_a_revoked_key_stays_in_the_table_until_what_it_signed_is_long_dead(store: MemoryRing) -> None:
    kid = oldest(store).kid
    rotation(store).revoke(kid, BEGIN)
    over = BEGIN + lives_for(DEFAULTS, Purpose.ACCESS_TOKEN) + KEPT_WHEN_GONE
    rotation(store).run(over - 1)
    assert kid in {entry.kid for entry in store.load()}
    rotation(store).run(over)
    assert kid not in {entry.kid for entry in store.load()}


def test_the_newest_number_is_not_given_again_when_its_key_is_long_gone(store: MemoryRing) -> None:
    rotation(store).revoke(newest(store).kid, AT)
    rotation(store).revoke(newest(store).kid, AT)
    newest_number = newest(store).serial
    rotation(store).revoke(newest(store).kid, AT)
    over = AT + lives_for(DEFAULTS, Purpose.ACCESS_TOKEN) + KEPT_WHEN_GONE
    rotation(store).run(over)
    rotation(store).force(Purpose.ACCESS_TOKEN, over)
    assert newest(store).serial == newest_number + 2
    assert len({entry.serial for entry in ring_of(store)}) == len(ring_of(store))
