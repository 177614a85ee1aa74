"""Events and measurements as log lines that are metrics too; events also to EventBridge, where a stage wants it.

A line is a log record with further fields. Lambda writes it as one JSON object ("Using structured JSON logs with
Python"), in which CloudWatch finds the metric ("Specification: Embedded metric format").
"""

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from chalicelib.errors import StoreUnavailableError
from chalicelib.telemetry.events import Event, Measure
from chalicelib.timestamps import rfc3339
from chalicelib.version import VERSION

NAMESPACE = "Gatehouse"

# What is not a number of times.
_UNITS = dict.fromkeys((Measure.FEED_LAG, Measure.KEY_AGE, Measure.KEY_OVERDUE), "Seconds")

_log = logging.getLogger("gatehouse")
_log.setLevel(logging.INFO)


@dataclass(frozen=True, slots=True)
class Source:
    """Where the request under way came from. `request_id` is API Gateway's, which the client saw too."""

    request_id: str
    address: str
    user_agent: str


_source: ContextVar[Source | None] = ContextVar("source", default=None)


@contextmanager
def during(source: Source) -> Iterator[None]:
    """Every event recorded in the block comes from `source`."""
    token = _source.set(source)
    try:
        yield
    finally:
        _source.reset(token)


class EventBus(Protocol):
    """Where events go beside the log."""

    def put(self, event: Mapping[str, Any]) -> None:
        """Sends one event, as the log has it. Raises `StoreUnavailableError`."""


@dataclass(frozen=True, slots=True)
class TelemetryLog:
    """The `Telemetry` of one stage."""

    stage: str
    bus: EventBus | None = None
    clock: Callable[[], float] = time.time

    def record(self, event: Event) -> None:
        """Writes `event` as one line that counts as a metric of its name, and sends it to the bus, if any."""
        fields = self._fields(event)
        self._write(event.event, 1, "Count", fields)
        if self.bus is None:
            return
        try:
            self.bus.put(fields)
        except StoreUnavailableError as error:
            _log.warning("An event did not reach the event bus: %s", error.detail)
            self.measure(Measure.EVENTS_LOST, 1)

    def measure(self, measure: Measure, value: int) -> None:
        """Writes `value` as one line."""
        self._write(measure, value, _UNITS.get(measure, "Count"), {"stage": self.stage, "version": VERSION})

    def _fields(self, event: Event) -> dict[str, Any]:
        source = _source.get()
        fields = asdict(event) | {"at": rfc3339(event.at), "stage": self.stage, "version": VERSION}
        fields |= asdict(source) if source else {}
        return {name: value for name, value in fields.items() if value is not None}

    def _write(self, name: str, value: int, unit: str, fields: Mapping[str, Any]) -> None:
        metric = {
            "Timestamp": int(self.clock() * 1000),
            "CloudWatchMetrics": [
                {"Namespace": NAMESPACE, "Dimensions": [["stage"]], "Metrics": [{"Name": name, "Unit": unit}]}
            ],
        }
        _log.info(name, extra={**fields, "_aws": metric, name: value})
