"""Rotation: when a new key is due, and what happens when one is revoked.

Each key has a number (`serial`) that is claimed by the write that adds it. So a rotation may run twice, late,
in two places at once, or die at any point: there is one key for each number, whole or not at all.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from chalicelib.errors import NotFoundError
from chalicelib.keys.material import HMAC_KEY_BYTES, HMAC_KID_BYTES, NewKey, new_hmac_key, new_signing_key
from chalicelib.keys.ring import KeyEntry, KeyRing, Purpose, Role
from chalicelib.telemetry.events import Event, EventName, Measure, Telemetry

# Spared after it is gone, for containers whose ring is old.
KEPT_WHEN_GONE = 86_400


@dataclass(frozen=True, slots=True)
class RotationPolicy:
    """For one purpose, in seconds: how long a key signs, and how long it is published before."""

    alg: str
    period: int
    lead: int


@dataclass(frozen=True, slots=True)
class KeySchedule:
    """Where a new key stands: its number, when it is published, and when it begins to sign."""

    serial: int
    published_at: int
    signs_from: int


class Store(Protocol):
    """The ring's table, for the rotation alone. All raise `StoreUnavailableError`."""

    def load(self) -> Iterable[KeyEntry]: ...

    def add(self, key: NewKey, slot: KeySchedule) -> bool:
        """Seals and publishes `key`, unless its number is taken. Returns whether it was not."""

    def revoke(self, entry: KeyEntry, now: int, replacement: tuple[NewKey, KeySchedule] | None) -> bool:
        """Stops `entry`, adds its replacement and tells the revocation feed: all or nothing.

        Returns False where the entry was revoked already or the number is taken.
        """

    def remove(self, entry: KeyEntry) -> None: ...


def due(ring: KeyRing, purpose: Purpose, schedule: RotationPolicy, now: int) -> KeySchedule | None:
    """The slot to fill now, if any: the first key, the next one, or one of another algorithm."""
    order = ring.of(purpose)
    if not order:
        return KeySchedule(next_serial(ring, purpose), now, now)
    newest = order[-1]
    ends = newest.signs_from + schedule.period
    # Not while one is pending either, however short the period is.
    if newest.alg == schedule.alg and now < max(newest.signs_from, ends - schedule.lead):
        return None
    begin = ends if newest.alg == schedule.alg else newest.signs_from
    return KeySchedule(next_serial(ring, purpose), now, max(now + schedule.lead, begin))


def next_serial(ring: KeyRing, purpose: Purpose) -> int:
    """The number of the next key of `purpose`; revoked ones count."""
    return 1 + max((entry.serial for entry in ring.entries if entry.purpose is purpose), default=0)


@dataclass(frozen=True, slots=True)
class Rotation:
    """Keeps the ring of one stage. `token_lifetimes` as in `KeyRing`."""

    store: Store
    telemetry: Telemetry
    schedules: Mapping[Purpose, RotationPolicy]
    token_lifetimes: Mapping[Purpose, int]
    random_bytes: Callable[[int], bytes]

    def run(self, now: int) -> list[str]:
        """Adds the keys that are due and removes those long gone. Returns the key ids that were added."""
        ring = self.ring()
        added = [key for purpose in Purpose if (key := self._fill(ring, purpose, now))]
        for entry in ring.entries:
            if self._over(ring, entry, now):
                self.store.remove(entry)
                self._record(EventName.KEY_REMOVED, entry, now)
        self._measure(ring, now)
        return added

    def force(self, purpose: Purpose, now: int) -> str | None:
        """Publishes the next key of `purpose` now, whatever the schedule says. The first one signs at once."""
        ring = self.ring()
        order = ring.of(purpose)
        signs_from = max(now + self.schedules[purpose].lead, order[-1].signs_from) if order else now
        slot = KeySchedule(next_serial(ring, purpose), now, signs_from)
        return self._add(purpose, slot, now)

    def revoke(self, kid: str, now: int) -> str | None:
        """Stops a key at once. If it signed, a new one does in its place, and its key id is returned.

        Raises `NotFoundError` for a key id that the ring does not have or has revoked already.
        """
        ring = self.ring()
        entry = next((entry for entry in ring.entries if entry.kid == kid), None)
        if entry is None:
            raise NotFoundError("There is no such key.")
        if entry.revoked_at is not None:
            raise NotFoundError("This key was revoked already.")
        replacement = None
        if ring.role(entry, now) is Role.ACTIVE:
            # From the same time on, so that it signs by every clock, and the schedule stays as it was.
            slot = KeySchedule(next_serial(ring, entry.purpose), now, entry.signs_from)
            replacement = self._new(entry.purpose), slot
        if not self.store.revoke(entry, now, replacement):
            return self.revoke(kid, now)  # the ring has changed since it was read
        self._record(EventName.KEY_REVOKED, entry, now)
        if replacement is None:
            return None
        self._record(EventName.KEY_PUBLISHED, replacement[0], now)
        return replacement[0].kid

    def ring(self) -> KeyRing:
        """The ring as the table has it."""
        return KeyRing(tuple(self.store.load()), self.token_lifetimes)

    def _fill(self, ring: KeyRing, purpose: Purpose, now: int) -> str | None:
        slot = due(ring, purpose, self.schedules[purpose], now)
        return self._add(purpose, slot, now) if slot else None

    def _add(self, purpose: Purpose, slot: KeySchedule, now: int) -> str | None:
        key = self._new(purpose)
        if not self.store.add(key, slot):
            return None
        self._record(EventName.KEY_PUBLISHED, key, now)
        return key.kid

    def _record(self, event: EventName, key: NewKey | KeyEntry, now: int) -> None:
        self.telemetry.record(Event(event=event, at=now, kid=key.kid, purpose=key.purpose))

    def _measure(self, ring: KeyRing, now: int) -> None:
        for purpose in Purpose:
            active = ring.active(purpose, now)
            if active is not None:
                age = now - active.signs_from
                self.telemetry.measure(Measure.KEY_AGE, age)
                self.telemetry.measure(Measure.KEY_OVERDUE, max(0, age - self.schedules[purpose].period))

    def _new(self, purpose: Purpose) -> NewKey:
        if purpose is Purpose.REFRESH_TOKEN:
            return new_hmac_key(self.random_bytes(HMAC_KID_BYTES), self.random_bytes(HMAC_KEY_BYTES))
        return new_signing_key(self.schedules[purpose].alg)

    def _over(self, ring: KeyRing, entry: KeyEntry, now: int) -> bool:
        # The newest stays, so that no number is ever given twice.
        if entry.serial + 1 >= next_serial(ring, entry.purpose):
            return False
        if entry.revoked_at is not None:
            return entry.revoked_at + ring.token_lifetimes[entry.purpose] + KEPT_WHEN_GONE <= now
        gone_at = ring.gone_at(entry)
        return gone_at is not None and gone_at + KEPT_WHEN_GONE <= now
