"""What an operator wants to hear of: security events, by one schema, and measurements.

docs/operations.md is the schema's public side. No event holds a token, a secret or a password; nor a username
that no account has, for people type passwords there. From where a request came (its id, the address, the user
agent) is added where events are written down (`telemetry`).
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class EventName(StrEnum):
    """What happened."""

    SIGN_IN = "sign_in"
    SIGN_IN_REFUSED = "sign_in_refused"
    SIGN_IN_THROTTLED = "sign_in_throttled"
    # One username has failed so many times from anywhere. Nobody was locked out.
    SIGN_IN_FAILURES_PILED_UP = "sign_in_failures_piled_up"
    # Too many requests of one network to a route that hashes a password.
    REQUEST_THROTTLED = "request_throttled"
    REFRESH = "refresh"
    REFRESH_REFUSED = "refresh_refused"
    # RFC 9700 §4.14.2: an old refresh token was presented, and its session was ended.
    REFRESH_TOKEN_REUSED = "refresh_token_reused"  # noqa: S105
    SESSION_ENDED = "session_ended"
    SESSIONS_ENDED = "sessions_ended"
    TOKEN_ENDED = "token_ended"  # noqa: S105
    USER_CREATED = "user_created"
    USER_ENABLED = "user_enabled"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105
    KEY_PUBLISHED = "key_published"
    KEY_REVOKED = "key_revoked"
    KEY_REMOVED = "key_removed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event; `at` is a NumericDate. A field that does not apply is `None`.

    `reason` says why something ended or was refused. `generation` is the one that was presented, and
    `current_generation` the one that the session had come to. `failures` counts those in the window.
    """

    event: EventName
    at: int
    sub: str | None = None
    username: str | None = None
    client_id: str | None = None
    session_id: str | None = None
    jti: str | None = None
    kid: str | None = None
    purpose: str | None = None
    reason: str | None = None
    generation: int | None = None
    current_generation: int | None = None
    failures: int | None = None


class Events(Protocol):
    """Where events go."""

    def record(self, event: Event) -> None:
        """Takes note of `event`; never fails."""


class Measure(StrEnum):
    """What is measured."""

    STORE_UNAVAILABLE = "store_unavailable"  # answers of 503
    EVENTS_LOST = "events_lost"  # that the event bus did not take; the log has them
    FEED_LAG = "feed_lag"  # seconds since the revocation feed was last read, while it cannot be
    KEY_AGE = "key_age"  # seconds since the active key began to sign
    KEY_OVERDUE = "key_overdue"  # seconds that it has signed beyond its period


class Measurements(Protocol):
    """Where measurements go."""

    def measure(self, measure: Measure, value: int) -> None:
        """Takes note that `measure` is `value` now; never fails."""


class Telemetry(Events, Measurements, Protocol):
    """Where both go."""
