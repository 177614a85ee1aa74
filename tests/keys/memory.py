"""The ring's table in memory, and what can happen to those who write it."""

from dataclasses import dataclass, field, replace

from chalicelib.errors import StoreUnavailableError
from chalicelib.keys.material import NewKey
from chalicelib.keys.ring import KeyEntry, Purpose
from chalicelib.keys.rotation import KeySchedule, RingStore, Succession

Slot = tuple[Purpose, str, int]


@dataclass
class MemoryRing:
    """One key for each number. `sealed` is the secret as it is; `revoked` stands for the revocation feed."""

    entries: dict[Slot, KeyEntry] = field(default_factory=dict)
    revoked: list[str] = field(default_factory=list)

    def load(self) -> list[KeyEntry]:
        return list(self.entries.values())

    def unseal(self, entry: KeyEntry) -> bytes:
        return entry.sealed

    def add(self, key: NewKey, schedule: KeySchedule) -> bool:
        slot = key.purpose, key.alg, schedule.serial
        if slot in self.entries:
            return False
        times = schedule.published_at, schedule.signs_from
        made = KeyEntry(key.kid, key.purpose, key.alg, key.secret, *times, key.public_jwk, schedule.serial)
        self.entries[slot] = made
        return True

    def retire(self, entry: KeyEntry, signs_until: int, succession: Succession) -> bool:
        found = self._trusted(entry)
        if found is None or (found.signs_until is not None and found.signs_until >= signs_until):
            return False
        return self._changed(replace(found, signs_until=signs_until), succession)

    def revoke(self, entry: KeyEntry, now: int, succession: Succession) -> bool:
        found = self._trusted(entry)
        if found is None or not self._changed(replace(found, revoked_at=now), succession):
            return False
        self.revoked.append(entry.kid)
        return True

    def remove(self, entry: KeyEntry) -> None:
        self.entries.pop(slot_of(entry), None)

    def _trusted(self, entry: KeyEntry) -> KeyEntry | None:
        found = self.entries.get(slot_of(entry))
        return found if found and found.kid == entry.kid and found.revoked_at is None else None

    def _changed(self, ended: KeyEntry, succession: Succession) -> bool:
        changed = [ended]
        if succession.standby is not None:
            found = self._trusted(succession.standby)
            if found is None or found.signs_from != succession.standby.signs_from:
                return False
            changed.append(replace(found, signs_from=succession.signs_from))
        if succession.next_key is not None and not self.add(*succession.next_key):
            return False
        self.entries.update({slot_of(entry): entry for entry in changed})
        return True


def slot_of(entry: KeyEntry) -> Slot:
    return entry.purpose, entry.alg, entry.serial


@dataclass
class Dying:
    """`store` for somebody who dies at write number `at` (from 0): just before it, or just after."""

    store: RingStore
    at: int
    after: bool

    def load(self) -> list[KeyEntry]:
        return list(self.store.load())

    def add(self, key: NewKey, schedule: KeySchedule) -> bool:
        self._before()
        took = self.store.add(key, schedule)
        self._done()
        return took

    def retire(self, entry: KeyEntry, signs_until: int, succession: Succession) -> bool:
        self._before()
        took = self.store.retire(entry, signs_until, succession)
        self._done()
        return took

    def revoke(self, entry: KeyEntry, now: int, succession: Succession) -> bool:
        self._before()
        took = self.store.revoke(entry, now, succession)
        self._done()
        return took

    def remove(self, entry: KeyEntry) -> None:
        self._before()
        self.store.remove(entry)
        self._done()

    def _before(self) -> None:
        if self.at == 0 and not self.after:
            raise StoreUnavailableError

    def _done(self) -> None:
        if self.at == 0:
            raise StoreUnavailableError
        self.at -= 1


class Late:
    """`store` for somebody who has read the ring when this was made, and writes later."""

    def __init__(self, store: RingStore) -> None:
        self._store = store
        self._read: list[KeyEntry] | None = list(store.load())
        self.add, self.retire, self.revoke, self.remove = store.add, store.retire, store.revoke, store.remove

    def load(self) -> list[KeyEntry]:
        read, self._read = self._read, None
        return list(self._store.load()) if read is None else read
