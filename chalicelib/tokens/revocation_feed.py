"""The revocation feed as one container holds it.

A container keeps what the feed's table says and pulls what is new when its copy is older than the interval. No
request costs a read of its own. What ended in this very container is known at once, without a pull.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from threading import Lock
from typing import NamedTuple, Protocol

from chalicelib.clocks import CLOCK_SKEW
from chalicelib.errors import StoreUnavailableError
from chalicelib.tokens.revocations import WINDOW, Revocation, Revocations

# Each pull begins so many seconds before the one before it: clocks differ, and a write is done some seconds after
# its time was taken.
READ_BACK = CLOCK_SKEW + 10


class Position(NamedTuple):
    """How far a read came: the partition, and the last id in it."""

    bucket: int
    shard: int
    id: str


@dataclass(frozen=True, slots=True)
class Page:
    """Some entries, and the position to go on after them."""

    revocations: list[Revocation]
    position: Position


class Store(Protocol):
    """The feed's table. `longest` is the longest life that any access token may have, in seconds."""

    @property
    def longest(self) -> int: ...

    def read(self, start: int, now: int, position: Position | None) -> Iterator[Page]:
        """Every entry whose window may have changed at `start` or later, past `position` where one is given.

        Raises `StoreUnavailableError`, also between two pages.
        """


class Feed:
    """Times and spans are in seconds.

    `interval`: how old the copy may be. `tolerance`: how long it is used beyond that while it cannot be read.
    `lagging` gets the age of the copy when a pull fails.
    """

    def __init__(
        self,
        store: Store,
        interval: int,
        tolerance: int,
        lagging: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._store = store
        self._interval = interval
        self._tolerance = tolerance
        self._lagging = lagging
        self._lock = Lock()
        self._known = Revocations()
        self._tried_at: int | None = None
        self._pulled_at: int | None = None
        self._forgot_at = 0
        # Of a first load that is not done: when it began, and how far it came.
        self._began_at: int | None = None
        self._position: Position | None = None

    def current(self, now: int) -> Revocations:
        """What is revoked now, but for the last `interval`.

        Raises `StoreUnavailableError` when the feed was never read, or not for longer than the tolerance: from
        then on ended sessions would go on.
        """
        with self._lock:
            if self._tried_at is None or not self._tried_at <= now < self._tried_at + self._interval:
                self._tried_at = now
                self._pull(now)
            return self._usable(now)

    def note(self, entry: Revocation) -> None:
        """Takes in what this container has just written."""
        with self._lock:
            self._known.add(entry)

    def _pull(self, now: int) -> None:
        if self._pulled_at is None and self._began_at is None:
            self._began_at = now
        try:
            self._read(now)
        except StoreUnavailableError:
            if self._pulled_at is not None:
                self._lagging(now - self._pulled_at)
            return None
        began_at, self._began_at, self._position = self._began_at, None, None
        self._pulled_at = now if began_at is None else began_at
        if began_at is not None and began_at < now:
            return self._pull(now)  # what came while the first load went on
        if not self._forgot_at <= now < self._forgot_at + WINDOW:
            self._known.forget(now)
            self._forgot_at = now
        return None

    def _read(self, now: int) -> None:
        for page in self._store.read(self._start(now), now, self._position):
            for entry in page.revocations:
                self._known.add(entry)
            if self._began_at is not None:
                self._position = page.position
                self._tried_at = None  # where the rest cannot be read, the next request goes on at once
        self._tried_at = now

    def _start(self, now: int) -> int:
        if self._began_at is not None:
            return self._began_at - self._store.longest - READ_BACK
        # Not past this clock, which may have been set back; nor further back than anything matters.
        pulled_at = now if self._pulled_at is None else self._pulled_at
        return max(min(now, pulled_at), now - self._store.longest) - READ_BACK

    def _usable(self, now: int) -> Revocations:
        if self._pulled_at is None or now > self._pulled_at + self._interval + self._tolerance:
            raise StoreUnavailableError(detail="the revocation feed cannot be read", retry_after=self._interval)
        return self._known
