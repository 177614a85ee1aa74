"""What the rotation tells of: keys published, revoked and removed, and how old the active ones are."""

import pytest

from chalicelib.keys.ring import Purpose
from chalicelib.keys.rotation import Rotation
from chalicelib.telemetry.events import EventName, Measure
from tests.keys.expected import DAY, HOUR, PERIOD, newest, rotation
from tests.keys.memory import MemoryRing
from tests.support.recorder import Recorder

NOW = 1_800_000_000


@pytest.fixture
def store() -> MemoryRing:
    return MemoryRing()


@pytest.fixture
def keeper(store: MemoryRing) -> Rotation:
    return rotation(store)


def told(keeper: Rotation) -> Recorder:
    assert isinstance(keeper.telemetry, Recorder)
    return keeper.telemetry


def test_each_new_key_is_an_event(keeper: Rotation) -> None:
    added = keeper.run(NOW)
    published = told(keeper).named(EventName.KEY_PUBLISHED)
    assert [event.kid for event in published] == added
    assert {event.purpose for event in published} == set(Purpose)


def test_a_run_that_finds_nothing_to_do_tells_of_nothing(keeper: Rotation) -> None:
    keeper.run(NOW)
    told(keeper).events.clear()
    keeper.run(NOW + HOUR)
    assert told(keeper).events == []


def test_a_revoked_key_and_its_replacement_are_events(keeper: Rotation, store: MemoryRing) -> None:
    keeper.run(NOW)
    told(keeper).events.clear()
    kid = newest(store).kid
    instead = keeper.revoke(kid, NOW + HOUR)
    assert [(event.event, event.kid) for event in told(keeper).events] == [
        (EventName.KEY_REVOKED, kid),
        (EventName.KEY_PUBLISHED, instead),
    ]


def test_a_removed_key_is_an_event(keeper: Rotation, store: MemoryRing) -> None:
    keeper.run(NOW)
    first = newest(store).kid
    keeper.run(NOW + PERIOD)
    keeper.run(NOW + PERIOD + 2 * DAY)
    (removed,) = told(keeper).named(EventName.KEY_REMOVED)
    assert removed.kid == first


def test_every_run_measures_the_active_keys(keeper: Rotation) -> None:
    keeper.run(NOW)
    assert told(keeper).measured == [], "there was none when the run began"
    keeper.run(NOW + HOUR)
    assert told(keeper).measured == [(Measure.KEY_AGE, HOUR), (Measure.KEY_OVERDUE, 0)] * 2


def test_a_key_that_signs_beyond_its_period_is_overdue(keeper: Rotation) -> None:
    keeper.run(NOW)
    keeper.run(NOW + PERIOD + 3 * HOUR)
    assert told(keeper).measured == [(Measure.KEY_AGE, PERIOD + 3 * HOUR), (Measure.KEY_OVERDUE, 3 * HOUR)] * 2
