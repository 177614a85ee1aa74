"""Rotation: when a new key is due, and what happens when one is revoked.

Each key has a number (`serial`) that is claimed by the write that adds it. So a rotation may run twice, late,
in two places at once, or die at any point: there is one key for each number, whole or not at all.

Beside the key that signs stands the next one, published since that one began: the standby. When a key ends
ahead of its time, the standby is promoted: it gets the ended key's `signs_from`, so that it signs by every
clock, and the next one is published in the same write.
"""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Protocol

from chalicelib.errors import NotFoundError
from chalicelib.keys.material import (
    HMAC_ALG,
    HMAC_KEY_BYTES,
    HMAC_KID_BYTES,
    NewKey,
    new_hmac_key,
    new_signing_key,
)
from chalicelib.keys.ring import KeyEntry, KeyRing, Purpose, Role
from chalicelib.telemetry.events import Event, EventName, Measure, Telemetry

# Spared after it is gone, for containers whose ring is old.
KEPT_WHEN_GONE = 86_400


@dataclass(frozen=True, slots=True)
class RotationPolicy:
    """For one purpose and algorithm, in seconds: how long a key signs, and how long it is published before."""

    purpose: Purpose
    alg: str
    period: int
    lead: int


@dataclass(frozen=True, slots=True)
class KeySchedule:
    """Where a new key stands: its number, when it is published, and when it begins to sign."""

    serial: int
    published_at: int
    signs_from: int


@dataclass(frozen=True, slots=True)
class Succession:
    """What comes with a key's end: `standby` signs from `signs_from` on, and `next_key` is published."""

    standby: KeyEntry | None = None
    signs_from: int = 0
    next_key: tuple[NewKey, KeySchedule] | None = None


class RingStore(Protocol):
    """The ring's table, for the rotation alone. All raise `StoreUnavailableError`."""

    def load(self) -> Iterable[KeyEntry]: ...

    def add(self, key: NewKey, schedule: KeySchedule) -> bool:
        """Seals and publishes `key`, unless its number is taken. Returns whether it was not."""

    def retire(self, entry: KeyEntry, signs_until: int, succession: Succession) -> bool:
        """Gives `entry` an end, or a later one, with its succession: all or nothing.

        Returns False where the ring is no longer as it was read.
        """

    def revoke(self, entry: KeyEntry, now: int, succession: Succession) -> bool:
        """Stops `entry`, with its succession, and tells the revocation feed: all or nothing.

        Returns False where the ring is no longer as it was read.
        """

    def remove(self, entry: KeyEntry) -> None: ...


def due(ring: KeyRing, policy: RotationPolicy, now: int) -> KeySchedule | None:
    """The key to publish now, if any: the first one, or the one after a key that has begun to sign."""
    serial = next_serial(ring, policy.purpose, policy.alg)
    order = _lasting(ring, policy, now)
    if not order:
        if ring.signer(policy.purpose, policy.alg, now) is None:
            return KeySchedule(serial, now, now)
        # The algorithm changes: verifiers must know the key first, and keys that have an end come to it first.
        ends = (entry.signs_until or 0 for entry in ring.of(policy.purpose, policy.alg))
        return KeySchedule(serial, now, max((now + policy.lead, *ends)))
    newest = order[-1]
    if now < newest.signs_from:
        return None
    return KeySchedule(serial, now, max(now + policy.lead, newest.signs_from + policy.period))


def next_serial(ring: KeyRing, purpose: Purpose, alg: str) -> int:
    """The number of the next key of `purpose` and `alg`; revoked ones count."""
    serials = (entry.serial for entry in ring.entries if entry.purpose is purpose and entry.alg == alg)
    return 1 + max(serials, default=0)


@dataclass(frozen=True, slots=True)
class KeyRotation:
    """Keeps the rings of one stage. `policies`: one for each ring. `token_lifetimes` as in `KeyRing`."""

    store: RingStore
    telemetry: Telemetry
    policies: tuple[RotationPolicy, ...]
    token_lifetimes: Mapping[Purpose, int]
    random_bytes: Callable[[int], bytes]

    def run(self, now: int) -> list[str]:
        """Adds the keys that are due, ends the rings that no policy names any more, and removes keys long gone.

        Returns the key ids that were added.
        """
        before = ring = self.ring()
        added: list[str] = []
        for policy in self.policies:
            ring, kids = self._filled(ring, policy, now)
            added += kids
        self._end_unnamed(ring, now)
        for entry in before.entries:
            if self._over(before, entry, now):
                self.store.remove(entry)
                self._record(EventName.KEY_REMOVED, entry, now)
        self._measure(before, now)
        return added

    def force(self, purpose: Purpose, now: int) -> list[str]:
        """Ends the keys that sign for `purpose` now, whatever the schedule says: their standbys sign at once.

        What they signed stays good. Returns the key ids that sign instead.
        """
        policies = [policy for policy in self.policies if policy.purpose is purpose]
        return [kid for policy in policies if (kid := self._force(policy, now))]

    def revoke(self, kid: str, now: int) -> str | None:
        """Stops a key at once. If it signed, its standby does in its place, and its key id is returned.

        Raises `NotFoundError` for a key id that the ring does not have or has revoked already.
        """
        ring = self.ring()
        entry = next((entry for entry in ring.entries if entry.kid == kid), None)
        if entry is None:
            raise NotFoundError("There is no such key.")
        if entry.revoked_at is not None:
            raise NotFoundError("This key was revoked already.")
        standby = None
        if ring.role(entry, now) is Role.ACTIVE:
            ring, standby = self._standby(ring, entry, now)
        succession = self._succession(ring, replace(entry, revoked_at=now), standby, now)
        if not self.store.revoke(entry, now, succession):
            return self.revoke(kid, now)  # the ring has changed since it was read
        self._record(EventName.KEY_REVOKED, entry, now)
        self._record_published(succession, now)
        # A standby that was to begin when another ring ends begins later now, and that ring goes on until then.
        self._end_unnamed(self.ring(), now)
        return standby.kid if standby else None

    def replace_all(self, now: int) -> list[str]:
        """Revokes every key that is there, standbys too, and lets new ones sign at once. Returns what it revoked.

        Verifiers learn of the new keys as they read the JWK Set again; until then they refuse what these sign.
        """
        before = [entry.kid for entry in self.ring().entries if entry.revoked_at is None]
        for kid in before:
            with suppress(NotFoundError):  # another run has just revoked it
                self.revoke(kid, now)
        self.run(now)
        return before

    def ring(self) -> KeyRing:
        """The ring as the table has it."""
        return KeyRing(tuple(self.store.load()), self.token_lifetimes)

    def _filled(self, ring: KeyRing, policy: RotationPolicy, now: int) -> tuple[KeyRing, list[str]]:
        """`ring` and the key ids that were added, until none is due or somebody else is adding them."""
        added: list[str] = []
        while schedule := due(ring, policy, now):
            key = self._new(policy)
            if not self.store.add(key, schedule):
                break
            self._record(EventName.KEY_PUBLISHED, key, now)
            added.append(key.kid)
            ring = replace(ring, entries=(*ring.entries, _entry(key, schedule)))
        return ring, added

    def _force(self, policy: RotationPolicy, now: int) -> str | None:
        ring = self.ring()
        active = ring.active(policy.purpose, policy.alg, now)
        if active is None or active.signs_until is not None:
            ring, _ = self._filled(ring, policy, now)
            active = ring.active(policy.purpose, policy.alg, now)
            return active.kid if active and active.signs_until is None else None
        ring, standby = self._standby(ring, active, now)
        # Containers whose ring is older sign with it for a while.
        until = now + policy.lead
        succession = self._succession(ring, replace(active, signs_until=until), standby, now)
        if standby is None or not self.store.retire(active, until, succession):
            return None
        self._record_published(succession, now)
        return standby.kid

    def _standby(self, ring: KeyRing, ended: KeyEntry, now: int) -> tuple[KeyRing, KeyEntry | None]:
        """Who signs in the place of an active key, published now where there was none; and the ring with it."""
        if not (waiting := _pending(ring, ended, now)):
            for policy in self.policies:
                if policy.purpose is ended.purpose:
                    self._filled(ring, policy, now)
            ring = self.ring()
            waiting = _pending(ring, ended, now)
        return ring, waiting[0] if waiting else None

    def _succession(self, ring: KeyRing, ended: KeyEntry, standby: KeyEntry | None, now: int) -> Succession:
        """What comes with the end of `ended`: `standby` from the same time on, and the key that is due then."""
        changed = {ended.kid: ended}
        if standby:
            changed[standby.kid] = replace(standby, signs_from=ended.signs_from)
        after = replace(ring, entries=tuple(changed.get(entry.kid, entry) for entry in ring.entries))
        of = standby or ended
        for policy in self.policies:
            if (policy.purpose, policy.alg) == (of.purpose, of.alg) and (schedule := due(after, policy, now)):
                return Succession(standby, ended.signs_from, (self._new(policy), schedule))
        return Succession(standby, ended.signs_from)

    def _end_unnamed(self, ring: KeyRing, now: int) -> None:
        """Gives the keys of each ring that no policy names an end: when the keys that are named sign.

        An end that is there already is put off where those begin later.
        """
        named = {(policy.purpose, policy.alg) for policy in self.policies}
        lead = max(policy.lead for policy in self.policies)
        for entry in ring.entries:
            lasts = entry.signs_until is None and (entry.purpose, entry.alg) in named
            if lasts or ring.role(entry, now) not in (Role.ACTIVE, Role.PENDING):
                continue
            lasting = [_lasting(ring, policy, now) for policy in self.policies if policy.purpose is entry.purpose]
            if not all(lasting):
                continue  # another run is about to add one
            begin = max((order[0].signs_from for order in lasting), default=now)
            # Containers whose ring or settings are older sign with it for a while.
            end = max(begin, now + lead) if entry.signs_until is None else begin
            if entry.signs_until is None or entry.signs_until < end:
                self.store.retire(entry, end, Succession())

    def _record(self, event: EventName, key: NewKey | KeyEntry, now: int) -> None:
        self.telemetry.record(Event(event=event, at=now, kid=key.kid, purpose=key.purpose))

    def _record_published(self, succession: Succession, now: int) -> None:
        if succession.next_key:
            self._record(EventName.KEY_PUBLISHED, succession.next_key[0], now)

    def _measure(self, ring: KeyRing, now: int) -> None:
        for policy in self.policies:
            signer = ring.signer(policy.purpose, policy.alg, now)
            if signer is not None:
                age = now - signer.signs_from
                self.telemetry.measure(Measure.KEY_AGE, age)
                self.telemetry.measure(Measure.KEY_OVERDUE, max(0, age - policy.period))

    def _new(self, policy: RotationPolicy) -> NewKey:
        if policy.alg == HMAC_ALG:
            return new_hmac_key(self.random_bytes(HMAC_KID_BYTES), self.random_bytes(HMAC_KEY_BYTES))
        return new_signing_key(policy.alg, policy.purpose)

    def _over(self, ring: KeyRing, entry: KeyEntry, now: int) -> bool:
        named = any((policy.purpose, policy.alg) == (entry.purpose, entry.alg) for policy in self.policies)
        # The newest of a ring in use stays, so that no number is ever given twice.
        if named and entry.serial + 1 >= next_serial(ring, entry.purpose, entry.alg):
            return False
        if entry.revoked_at is not None:
            return entry.revoked_at + ring.token_lifetimes[entry.purpose] + KEPT_WHEN_GONE <= now
        gone_at = ring.gone_at(entry)
        return gone_at is not None and gone_at + KEPT_WHEN_GONE <= now


def _pending(ring: KeyRing, ended: KeyEntry, now: int) -> list[KeyEntry]:
    """Who may sign in the place of an active key: its standby, else where nothing else signs, another ring's."""
    waiting = [entry for entry in ring.trusted(ended.purpose) if ring.role(entry, now) is Role.PENDING]
    waiting.sort(key=lambda entry: (entry.alg != ended.alg, entry.signs_from, entry.serial))
    if waiting and waiting[0].alg != ended.alg:
        algs = {entry.alg for entry in ring.trusted(ended.purpose)} - {ended.alg}
        return [] if any(ring.active(ended.purpose, alg, now) for alg in algs) else waiting
    return waiting


def _lasting(ring: KeyRing, policy: RotationPolicy, now: int) -> list[KeyEntry]:
    """The keys of `policy` that sign now or later and have no end, but for the next one's beginning."""
    order = (entry for entry in ring.of(policy.purpose, policy.alg) if entry.signs_until is None)
    return [entry for entry in order if (until := ring.signed_until(entry)) is None or now < until]


def _entry(key: NewKey, schedule: KeySchedule) -> KeyEntry:
    """`key` as it will be read, but for its sealed half."""
    times = schedule.published_at, schedule.signs_from
    return KeyEntry(key.kid, key.purpose, key.alg, b"", *times, key.public_jwk, schedule.serial)
