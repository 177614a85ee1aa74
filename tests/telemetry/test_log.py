"""What is written down: one line for each event, which is a metric, and the same event on the bus."""

import io
import json
import logging
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from awslambdaric.lambda_runtime_log_utils import JsonFormatter

from chalicelib.errors import StoreUnavailableError
from chalicelib.telemetry.events import Event, EventName, Measure
from chalicelib.telemetry.log import Source, TelemetryLog, during
from chalicelib.version import VERSION

EVENT = Event(event=EventName.SESSION_ENDED, at=1_800_000_000, sub="usr_1", session_id="ses_1", reason="logout")


class Lines(io.StringIO):
    """What Lambda writes to the log: its own formatter makes it."""

    @property
    def parsed(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.getvalue().splitlines()]


@pytest.fixture
def lines() -> Iterator[Lines]:
    text = Lines()
    handler = logging.StreamHandler(text)
    handler.terminator = ""
    handler.setFormatter(JsonFormatter())
    logger = logging.getLogger("gatehouse")
    disabled, logger.disabled = logger.disabled, False
    logger.addHandler(handler)
    yield text
    logger.removeHandler(handler)
    logger.disabled = disabled


class Bus:
    """Keeps what it is sent, or fails."""

    def __init__(self, *, fails: bool = False) -> None:
        self.fails = fails
        self.sent: list[Mapping[str, Any]] = []

    def put(self, event: Mapping[str, Any]) -> None:
        if self.fails:
            raise StoreUnavailableError(detail="PutEvents: InternalFailure")
        self.sent.append(event)


def log(bus: Bus | None = None) -> TelemetryLog:
    return TelemetryLog("gatehouse-test", bus, clock=lambda: 1_800_000_000.25)


def test_an_event_is_one_line_with_the_fields_that_apply(lines: Lines) -> None:
    log().record(EVENT)
    (line,) = lines.parsed
    told = {name: line[name] for name in line.keys() - {"timestamp", "level", "message", "logger", "_aws"}}
    assert told == {
        "event": "session_ended",
        "at": "2027-01-15T08:00:00Z",
        "stage": "gatehouse-test",
        "version": VERSION,
        "sub": "usr_1",
        "session_id": "ses_1",
        "reason": "logout",
        "session_ended": 1,
    }
    assert (line["level"], line["message"], line["logger"]) == ("INFO", "session_ended", "gatehouse")


def test_the_line_is_a_metric_of_the_stage(lines: Lines) -> None:
    log().record(EVENT)
    (line,) = lines.parsed
    assert line["_aws"]["Timestamp"] == 1_800_000_000_250
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert directive == {
        "Namespace": "Gatehouse",
        "Dimensions": [["stage"]],
        "Metrics": [{"Name": "session_ended", "Unit": "Count"}],
    }
    # A metric's value and its dimensions are members of the line itself.
    assert (line["session_ended"], line["stage"]) == (1, "gatehouse-test")


@pytest.mark.parametrize(
    ("measure", "unit"),
    [
        (Measure.STORE_UNAVAILABLE, "Count"),
        (Measure.EVENTS_LOST, "Count"),
        (Measure.FEED_LAG, "Seconds"),
        (Measure.KEY_AGE, "Seconds"),
        (Measure.KEY_OVERDUE, "Seconds"),
    ],
)
def test_a_measurement_is_a_line_with_its_unit(lines: Lines, measure: Measure, unit: str) -> None:
    log().measure(measure, 7)
    (line,) = lines.parsed
    assert (line[measure], line["stage"], line["version"]) == (7, "gatehouse-test", VERSION)
    assert line["_aws"]["CloudWatchMetrics"][0]["Metrics"] == [{"Name": measure, "Unit": unit}]


def test_an_event_says_where_its_request_came_from(lines: Lines) -> None:
    with during(Source("req-1", "192.0.2.7", "curl/8.5.0")):
        log().record(EVENT)
    log().record(EVENT)
    within, after = lines.parsed
    assert (within["request_id"], within["address"], within["user_agent"]) == ("req-1", "192.0.2.7", "curl/8.5.0")
    assert not {"request_id", "address", "user_agent"} & after.keys()


def test_the_bus_gets_what_the_log_says(lines: Lines) -> None:
    bus = Bus()
    log(bus).record(EVENT)
    (sent,), (line,) = bus.sent, lines.parsed
    assert sent == {name: line[name] for name in sent}
    assert sent["event"] == "session_ended"
    assert "_aws" not in sent


def test_an_event_that_the_bus_does_not_take_is_counted_and_stays_in_the_log(lines: Lines) -> None:
    log(Bus(fails=True)).record(EVENT)
    assert [line["message"] for line in lines.parsed] == [
        "session_ended",
        "An event did not reach the event bus: PutEvents: InternalFailure",
        "events_lost",
    ]


def test_no_event_has_a_field_of_log_records() -> None:
    # `logging` refuses such a field when the line is written.
    record = logging.LogRecord("", 0, "", 0, "", None, None)
    told = (
        set(Event.__slots__)
        | {"stage", "version", "request_id", "address", "user_agent"}
        | {*EventName}
        | {*Measure}
    )
    assert not told & {*record.__dict__, "message", "asctime"}
