"""What operators do to the ring: a key ahead of its time, and one that is revoked."""

import pytest

from chalicelib.errors import NotFoundError
from chalicelib.keys.ring import KeyEntry, Purpose
from chalicelib.keys.rotation import KEPT_WHEN_GONE
from chalicelib.services import CLOCK_SKEW
from tests.keys.expected import DEFAULTS, HOUR, LEAD, PERIOD, lives_for, newest, rotation
from tests.keys.memory import MemoryRing
from tests.keys.world import BEGIN, signing


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


def test_the_newest_number_is_not_given_again_when_its_key_is_long_gone(store: MemoryRing) -> None:
    pending = rotation(store).force(Purpose.ACCESS_TOKEN, BEGIN)
    instead = rotation(store).revoke(
        oldest(store).kid, BEGIN
    )  # signs until the pending one does, and is gone first
    over = BEGIN + LEAD + lives_for(DEFAULTS, Purpose.ACCESS_TOKEN) + KEPT_WHEN_GONE
    rotation(store).run(over)
    assert (numbers(store)[pending], numbers(store)[instead]) == (2, 3)
    forced = rotation(store).force(Purpose.ACCESS_TOKEN, over)
    assert numbers(store)[forced] == 4


def oldest(store: MemoryRing) -> KeyEntry:
    return min(
        (entry for entry in store.load() if entry.purpose is Purpose.ACCESS_TOKEN), key=lambda key: key.serial
    )


def numbers(store: MemoryRing) -> dict[str | None, int]:
    return {entry.kid: entry.serial for entry in store.load()}
