"""What ended before it expired: the entries of the revocation feed, and the question whether one of them ends a
token.

A JWT is good until its `exp`, and the gate's answer may be cached. So the API function refuses, on every request,
what the feed names (`revocation_feed`).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from chalicelib.errors import ConflictError

# Everything that ends for one principal within so many seconds is one entry, so that nobody can flood the feed.
WINDOW = 60


class RevocationsFullError(ConflictError):
    """The principal has ended as much within this window as one entry holds."""


class Kind(StrEnum):
    """Whose tokens an entry ends."""

    USER = "user"
    CLIENT = "client"
    KEY = "key"


@dataclass(frozen=True, slots=True)
class Revocation:
    """What ended for the principal `subject` (a `sub`, a `client_id`, a `kid`) within the window that begins at
    `window`.

    No token of the sessions or with the `jti` in `ended` is good any more, nor any of the principal's that is
    older than `epoch`, but for those of the session `kept`; nor any that the key signed. From `until` on nothing
    that this ends can be alive. Times are NumericDates.
    """

    kind: Kind
    subject: str
    window: int
    until: int
    epoch: int = 0
    kept: str | None = None
    ended: frozenset[str] = frozenset()


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
    """Entries, and the question whether any of them ends a token. They only ever grow together: adding an entry
    twice, or an older state of it, changes nothing."""

    def __init__(self, entries: Iterable[Revocation] = ()) -> None:
        self._ended: dict[str, int] = {}
        self._keys: dict[str, int] = {}
        self._epochs: dict[str, tuple[int, str | None, int]] = {}
        for entry in entries:
            self.add(entry)

    def __len__(self) -> int:
        return len(self._ended) + len(self._keys) + len(self._epochs)

    def add(self, entry: Revocation) -> None:
        """Takes `entry` in."""
        for ended in entry.ended:
            self._ended[ended] = max(entry.until, self._ended.get(ended, 0))
        if entry.kind is Kind.KEY:
            self._keys[entry.subject] = max(entry.until, self._keys.get(entry.subject, 0))
        elif entry.kind is Kind.USER and entry.epoch >= self._epochs.get(entry.subject, (1, None, 0))[0]:
            # Whoever raised the epoch again made sure that the session they kept had survived the one before.
            self._epochs[entry.subject] = (entry.epoch, entry.kept, entry.until)

    def forget(self, now: int) -> None:
        """Drops what ends nothing any more."""
        self._ended = {ended: until for ended, until in self._ended.items() if now < until}
        self._keys = {kid: until for kid, until in self._keys.items() if now < until}
        self._epochs = {sub: change for sub, change in self._epochs.items() if now < change[2]}

    def keys(self) -> frozenset[str]:
        """The key ids that were revoked."""
        return frozenset(self._keys)

    def revokes(self, token: Revocable) -> bool:
        """Whether any entry ends `token`."""
        if token.sid in self._ended or token.jti in self._ended or token.kid in self._keys:
            return True
        epoch, kept, _ = self._epochs.get(token.sub, (0, None, 0))
        return (token.session_epoch or 0) < epoch and (token.sid is None or token.sid != kept)
