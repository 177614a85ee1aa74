"""What the rotation tells of: keys published, revoked and removed, and how old the active ones are."""

import pytest

from chalicelib.keys.rotation import KeyRotation
from chalicelib.telemetry.events import EventName, Measure
from tests.keys.expected import DAY, HOUR, PERIOD, PURPOSES, newest, oldest, rotation
from tests.keys.memory import MemoryRing
from tests.support.recorder import Recorder

NOW = 1_800_000_000


@pytest.fixture
def store() -> MemoryRing:
    return MemoryRing()


@pytest.fixture
def keeper(store: MemoryRing) -> KeyRotation:
    return rotation(store)


def told(keeper: KeyRotation) -> Recorder:
    assert isinstance(keeper.telemetry, Recorder)
    return keeper.telemetry


def test_each_new_key_is_an_event(keeper: KeyRotation) -> None:
    added = keeper.run(NOW)
    published = told(keeper).named(EventName.KEY_PUBLISHED)
    assert [event.kid for event in published] == added
    assert {event.purpose for event in published} == set(PURPOSES)


def test_a_run_that_finds_nothing_to_do_tells_of_nothing(keeper: KeyRotation) -> None:
    keeper.run(NOW)
    told(keeper).events.clear()
    keeper.run(NOW + HOUR)
    assert told(keeper).events == []


def test_a_revoked_key_and_its_replacement_are_events(keeper: KeyRotation, store: MemoryRing) -> None:
    keeper.run(NOW)
    told(keeper).events.clear()
    kid = oldest(store).kid
    keeper.revoke(kid, NOW + HOUR)
    assert [(event.event, event.kid) for event in told(keeper).events] == [
        (EventName.KEY_REVOKED, kid),
        (EventName.KEY_PUBLISHED, newest(store).kid),
    ]


def test_a_removed_key_is_an_event(keeper: KeyRotation, store: MemoryRing) -> None:
    keeper.run(NOW)
    first = oldest(store).kid
    keeper.run(NOW + PERIOD)
    keeper.run(NOW + PERIOD + 2 * DAY)
    (removed,) = told(keeper).named(EventName.KEY_REMOVED)
    assert removed.kid == first


def test_every_run_measures_the_active_keys(keeper: KeyRotation) -> None:
    keeper.run(NOW)
    assert told(keeper).measured == [], "there was none when the run began"
    keeper.run(NOW + HOUR)
    assert told(keeper).measured == [(Measure.KEY_AGE, HOUR), (Measure.KEY_OVERDUE, 0)] * 2


def test_a_key_that_signs_beyond_its_period_is_overdue(keeper: KeyRotation) -> None:
    keeper.run(NOW)
    keeper.run(NOW + 2 * PERIOD + 3 * HOUR)
    assert told(keeper).measured == [(Measure.KEY_AGE, PERIOD + 3 * HOUR), (Measure.KEY_OVERDUE, 3 * HOUR)] * 2
