"""Ending an access token before it expires.

A JWT is good until its `exp`, and the gate's answer may be cached. So the API function refuses, on every
request, what the revocation feed names. The feed is a small table of what ended within one access-token life;
a container keeps it as a set and pulls what is new when its copy is older than the interval. No request costs
a read of its own.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from threading import Lock
from typing import Protocol

from chalicelib.errors import StoreUnavailableError

# Each pull begins so many seconds before the newest entry seen: clocks differ, and commits come late.
OVERLAP = 30


class Kind(StrEnum):
    """What an entry of the feed ends."""

    SESSION = "session"
    TOKEN = "token"  # noqa: S105
    KEY = "key"
    USER = "user"


@dataclass(frozen=True, slots=True)
class Revocation:
    """One entry: no token of the session, token (`jti`), key (`kid`) or user (`sub`) `subject` is good any more.

    A user's entry ends only what is older than `epoch`, and spares the session `kept`. `at` is a NumericDate.
    """

    kind: Kind
    subject: str
    at: int
    epoch: int = 0
    kept: str | None = None


class Revocable(Protocol):
    """What an access token says that can be revoked."""

    @property
    def sub(self) -> str: ...
    @property
    def sid(self) -> str | None: ...
    @property
    def jti(self) -> str: ...
    @property
    def kid(self) -> str: ...
    @property
    def session_epoch(self) -> int | None: ...


class Revocations:
    """A set of entries, and the question whether it ends a token."""

    def __init__(self, entries: Iterable[Revocation] = ()) -> None:
        self.entries = frozenset(entries)
        self._ended = {(entry.kind, entry.subject) for entry in self.entries if entry.kind is not Kind.USER}
        self._users: dict[str, list[Revocation]] = {}
        for entry in self.entries:
            if entry.kind is Kind.USER:
                self._users.setdefault(entry.subject, []).append(entry)

    def keys(self) -> frozenset[str]:
        """The key ids that were revoked."""
        return frozenset(entry.subject for entry in self.entries if entry.kind is Kind.KEY)

    def revokes(self, token: Revocable) -> bool:
        """Whether any entry ends `token`."""
        named = {(Kind.SESSION, token.sid), (Kind.TOKEN, token.jti), (Kind.KEY, token.kid)}
        return not named.isdisjoint(self._ended) or any(
            (token.session_epoch or 0) < entry.epoch and (token.sid is None or token.sid != entry.kept)
            for entry in self._users.get(token.sub, ())
        )


class Store(Protocol):
    """The feed's table."""

    def since(self, start: int, now: int) -> Iterable[Revocation]:
        """Every entry from `start` on, in no order. Raises `StoreUnavailableError`."""


class Feed:
    """The feed as one container holds it. Times and spans are in seconds.

    `interval`: how old the copy may be. `tolerance`: how long it is used beyond that while it cannot be read.
    `lifetime`: the longest life of an access token, after which an entry says nothing. `lagging` is told how
    old the copy is, when a pull fails.
    """

    def __init__(
        self,
        store: Store,
        interval: int,
        tolerance: int,
        lifetime: int,
        lagging: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._store = store
        self._interval = interval
        self._tolerance = tolerance
        self._lifetime = lifetime
        self._lagging = lagging
        self._lock = Lock()
        self._tried_at: int | None = None
        self._pulled_at: int | None = None
        self._known = Revocations()

    def current(self, now: int) -> Revocations:
        """What is revoked now, but for the last `interval`.

        Raises `StoreUnavailableError` when the feed was never read, or not for longer than the tolerance: from
        then on nobody could be told that their session had ended.
        """
        with self._lock:
            if self._tried_at is None or not self._tried_at <= now < self._tried_at + self._interval:
                self._tried_at = now
                self._pull(now)
            return self._usable(now)

    def invalidate(self) -> None:
        """Lets the next request pull: something was ended here, and here it need not wait for the interval."""
        with self._lock:
            self._tried_at = None

    def _pull(self, now: int) -> None:
        try:
            found = frozenset(self._store.since(self._start(now), now))
        except StoreUnavailableError:
            if self._pulled_at is not None:
                self._lagging(now - self._pulled_at)
            return
        self._pulled_at = now
        alive = {entry for entry in self._known.entries if entry.at > now - self._lifetime - OVERLAP}
        if not found <= self._known.entries or len(alive) < len(self._known.entries):
            self._known = Revocations(alive | found)

    def _start(self, now: int) -> int:
        # Not past the last pull, for a writer's clock may be ahead; nor more than a lifetime ago, for the time to
        # live deletes late, and each bucket is a read.
        oldest = now - self._lifetime
        newest = max((entry.at for entry in self._known.entries), default=oldest)
        pulled_at = now if self._pulled_at is None else self._pulled_at
        return max(oldest, min(newest, pulled_at)) - OVERLAP

    def _usable(self, now: int) -> Revocations:
        if self._pulled_at is None or now > self._pulled_at + self._interval + self._tolerance:
            raise StoreUnavailableError(detail="the revocation feed cannot be read", retry_after=self._interval)
        return self._known
