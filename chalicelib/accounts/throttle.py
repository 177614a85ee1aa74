"""Throttling of whatever hashes a password, before it hashes.

Of sign-ins only failures count, so that a right one writes nothing more. Two counters refuse, one only warns: a
username alone never refuses, else anyone could lock anyone out. Of the other routes that hash, every request
counts.
"""

from dataclasses import dataclass
from typing import Protocol

from chalicelib.errors import TooManyRequestsError


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `count` within `window` seconds of the first of them."""

    count: int
    window: int


@dataclass(frozen=True, slots=True)
class Limits:
    """For the failures of one username from one address, of one address, and of one username from anywhere; and
    for the requests of one address to the other routes that hash."""

    pair: Limit
    address: Limit
    username: Limit
    hashing: Limit


@dataclass(frozen=True, slots=True)
class Counter:
    """A counter as it was read: so many in a window that ends at `ends_at` (NumericDate)."""

    count: int
    ends_at: int

    def wait(self, limit: Limit, now: int) -> int:
        """Seconds until this counter lets anyone try again; 0: now."""
        return self.ends_at - now if self.count >= limit.count and now < self.ends_at else 0


NONE = Counter(0, 0)


@dataclass(frozen=True, slots=True)
class Attempts:
    """The counters of failures that can refuse one attempt."""

    pair: Counter = NONE
    address: Counter = NONE


def check(attempts: Attempts, limits: Limits, now: int) -> None:
    """Raises `TooManyRequestsError` when either counter is full, for a right password too."""
    wait = max(attempts.pair.wait(limits.pair, now), attempts.address.wait(limits.address, now))
    if wait > 0:
        raise TooManyRequestsError(retry_after=wait)


class Requests(Protocol):
    """Where requests are counted before they hash. Each raises `StoreUnavailableError`."""

    def count_hashing(self, address: str, now: int) -> Counter:
        """Those from the network of `address` to the routes that hash, signing in apart."""

    def count_sign_up(self, email: str, address: str, now: int) -> Counter:
        """Those from there to sign up with the email address `email`, as it is normalized."""


def check_counted(counter: Counter, limit: Limit, now: int) -> None:
    """For a request that `counter` counts already. Raises `TooManyRequestsError`."""
    if counter.count > limit.count:
        wait = max(1, counter.ends_at - now)
        raise TooManyRequestsError("Too many attempts. Please try again later.", retry_after=wait)
