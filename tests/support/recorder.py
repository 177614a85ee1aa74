"""Telemetry that is kept, to be looked at."""

from dataclasses import dataclass, field

from chalicelib.telemetry.events import Event, EventName, Measure


@dataclass
class Recorder:
    """Keeps events and measurements, in their order."""

    events: list[Event] = field(default_factory=list)
    measured: list[tuple[Measure, int]] = field(default_factory=list)

    def record(self, event: Event) -> None:
        self.events.append(event)

    def measure(self, measure: Measure, value: int) -> None:
        self.measured.append((measure, value))

    def named(self, name: EventName) -> list[Event]:
        """The events of this name."""
        return [event for event in self.events if event.event is name]
