"""Security events on EventBridge: what is sent, and what happens when it is not taken."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from chalicelib.errors import StoreUnavailableError
from chalicelib.services import assemble
from chalicelib.stores.event_bus import EventBridgeBus
from chalicelib.telemetry.log import TelemetryLog

EVENT = {"event": "sign_in", "at": "2027-01-15T08:00:00Z", "stage": "gatehouse-test", "sub": "usr_1"}


@pytest.fixture
def bus() -> EventBridgeBus:
    return EventBridgeBus("security")


@contextmanager
def answered(bus: EventBridgeBus, body: dict[str, Any], status: int = 200) -> Iterator[list[dict[str, Any]]]:
    """Answers PutEvents with `body`, and gives the entries that were sent."""
    entries: list[dict[str, Any]] = []

    def answer(params: dict[str, Any], **_: object) -> Any:
        entries.extend(json.loads(params["body"])["Entries"])
        return SimpleNamespace(status_code=status), {"ResponseMetadata": {}, **body}

    events = bus._client.meta.events
    events.register("before-call.eventbridge.PutEvents", answer)
    events.register("before-call.events.PutEvents", answer)
    yield entries


def test_an_event_is_one_entry(bus: EventBridgeBus) -> None:
    with answered(bus, {"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]}) as entries:
        bus.put(EVENT)
    (entry,) = entries
    assert (entry["EventBusName"], entry["Source"], entry["DetailType"]) == ("security", "gatehouse", "sign_in")
    assert json.loads(entry["Detail"]) == EVENT


def test_an_entry_that_is_not_taken_is_an_error(bus: EventBridgeBus) -> None:
    refused = {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "ThrottlingException"}]}
    with answered(bus, refused), pytest.raises(StoreUnavailableError) as caught:
        bus.put(EVENT)
    assert caught.value.detail == "PutEvents: ThrottlingException"


def test_a_failing_bus_is_asked_once(bus: EventBridgeBus) -> None:
    failure = {"Error": {"Code": "InternalFailure", "Message": ""}}
    with answered(bus, failure, 500) as entries, pytest.raises(StoreUnavailableError):
        bus.put(EVENT)
    assert len(entries) == 1


def test_it_reaches_eventbridge(bus: EventBridgeBus) -> None:
    bus._client.create_event_bus(Name="security")
    bus.put(EVENT)


def test_a_stage_has_a_bus_by_its_setting() -> None:
    without, having = assemble({}).telemetry, assemble({"GATEHOUSE_EVENT_BUS": "security"}).telemetry
    assert isinstance(without, TelemetryLog)
    assert isinstance(having, TelemetryLog)
    assert without.bus is None
    assert isinstance(having.bus, EventBridgeBus)
