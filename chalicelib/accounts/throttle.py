"""Sign-in throttling: only failures count, and they are looked at before any password is hashed.

Two counters refuse, one only warns. A username alone never refuses: else anyone could lock anyone out.
"""

from dataclasses import dataclass

from chalicelib.errors import TooManyRequestsError


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `failures` within `window` seconds of the first of them."""

    failures: int
    window: int


@dataclass(frozen=True, slots=True)
class Limits:
    """For one username from one address, for one address, and for one username from anywhere."""

    pair: Limit
    address: Limit
    username: Limit


@dataclass(frozen=True, slots=True)
class Failures:
    """A counter as it was read: so many failures in a window that ends at `ends_at` (NumericDate)."""

    count: int
    ends_at: int

    def wait(self, limit: Limit, now: int) -> int:
        """Seconds until this counter lets anyone try again; 0: now."""
        return self.ends_at - now if self.count >= limit.failures and now < self.ends_at else 0


NO_FAILURES = Failures(0, 0)


@dataclass(frozen=True, slots=True)
class Attempts:
    """The counters that can refuse one attempt."""

    pair: Failures = NO_FAILURES
    address: Failures = NO_FAILURES


def check(attempts: Attempts, limits: Limits, now: int) -> None:
    """Raises `TooManyRequestsError` when either counter is full, for a right password too."""
    wait = max(attempts.pair.wait(limits.pair, now), attempts.address.wait(limits.address, now))
    if wait > 0:
        raise TooManyRequestsError(retry_after=wait)
