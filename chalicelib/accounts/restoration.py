"""What a restored backup must not bring back to life: ended sessions, revoked keys, former passwords.

The tables as they were at some time know nothing of what ended since. So everything that could be alive ends:
every key is revoked, which ends every token at once, whatever the tables say; and every user's epoch is raised, so
that their sessions are listed as ended. Users sign in anew.

What they sign in with is the password that they had then. Whoever changed it since, or was disabled since, is
disabled, where the audit trail is at hand to tell.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from chalicelib.model import EndReason, EpochChange, User
from chalicelib.telemetry.events import EventName
from chalicelib.tokens.revocations import Revocation


class Users(Protocol):
    """All raise `StoreUnavailableError`."""

    def all(self) -> Iterator[User]: ...

    def by_sub(self, sub: str) -> User | None: ...

    def end_sessions(self, user: User, change: EpochChange) -> bool:
        """Writes `change`, and tells no feed. Whether the user was still as `user` says."""


class Keys(Protocol):
    """Raises `StoreUnavailableError`."""

    def replace_all(self, now: int) -> list[str]: ...


@dataclass(frozen=True, slots=True)
class Restored:
    """What was done: the key ids that were revoked, how many users' sessions ended, and who was disabled."""

    revoked: list[str]
    users: int
    disabled: list[str]


@dataclass(frozen=True, slots=True)
class Restoration:
    """Ends what the backup has brought back."""

    users: Users
    keys: Keys

    def run(self, feed: Iterable[Revocation], disabled: frozenset[str], now: int) -> Restored:
        """`feed` are the entries of the revocation feed that still matter: new tokens must be of a later epoch
        than these name. `disabled` are the `sub`s to disable. It may be run again, whatever became of it before.

        Raises `StoreUnavailableError`.
        """
        revoked = self.keys.replace_all(now)
        epochs: dict[str, int] = {}
        for entry in feed:
            epochs[entry.subject] = max(entry.epoch, epochs.get(entry.subject, 0))
        count, names = 0, []
        for user in self.users.all():
            reason = EndReason.DISABLED if user.sub in disabled else EndReason.RESTORED
            self._end(user, reason, epochs.get(user.sub, 0), now)
            count += 1
            if reason is EndReason.DISABLED:
                names.append(user.username)
        return Restored(revoked, count, names)

    def _end(self, user: User | None, reason: EndReason, epoch: int, now: int) -> None:
        while user:
            change = EpochChange(max(user.session_epoch, epoch) + 1, now, reason, None)
            if self.users.end_sessions(user, change):
                return
            user = self.users.by_sub(user.sub)  # it has changed since it was read


def to_disable(audit_trail: Iterable[str]) -> frozenset[str]:
    """The `sub`s that may not sign in as the backup has them: by the lines of the audit trail since then, in
    order, whoever's password was changed, and who was disabled and not enabled. Other lines are passed over.
    """
    changed: set[str] = set()
    disabled: set[str] = set()
    for event in _events(audit_trail):
        match event.get("event"), event.get("sub"):
            case EventName.PASSWORD_CHANGED, str(sub):
                changed.add(sub)
            case EventName.SESSIONS_ENDED, str(sub) if event.get("reason") == EndReason.DISABLED:
                disabled.add(sub)
            case EventName.USER_ENABLED, str(sub):
                disabled.discard(sub)
    return frozenset(changed | disabled)


def _events(lines: Iterable[str]) -> Iterator[Mapping[str, object]]:
    for line in lines:
        with suppress(ValueError):
            event = json.loads(line)
            if isinstance(event, dict):
                yield event
