"""The ring's table in memory, and what can happen to those who write it."""

from dataclasses import dataclass, field, replace

from chalicelib.errors import StoreUnavailableError
from chalicelib.keys.material import NewKey
from chalicelib.keys.ring import KeyEntry, Purpose
from chalicelib.keys.rotation import KeySchedule, Store


@dataclass
class MemoryRing:
    """One key for each number. `sealed` is the secret as it is; `revoked` stands for the revocation feed."""

    entries: dict[tuple[Purpose, int], KeyEntry] = field(default_factory=dict)
    revoked: list[str] = field(default_factory=list)

    def load(self) -> list[KeyEntry]:
        return list(self.entries.values())

    def unseal(self, entry: KeyEntry) -> bytes:
        return entry.sealed

    def add(self, key: NewKey, slot: KeySchedule) -> bool:
        place = key.purpose, slot.serial
        if place in self.entries:
            return False
        made = KeyEntry(
            key.kid, key.purpose, key.alg, key.secret, slot.published_at, slot.signs_from, key.public_jwk
        )
        self.entries[place] = replace(made, serial=slot.serial)
        return True

    def revoke(self, entry: KeyEntry, now: int, replacement: tuple[NewKey, KeySchedule] | None) -> bool:
        place = entry.purpose, entry.serial
        if place not in self.entries or self.entries[place].revoked_at is not None:
            return False
        if replacement is not None and not self.add(*replacement):
            return False
        self.entries[place] = replace(entry, revoked_at=now)
        self.revoked.append(entry.kid)
        return True

    def remove(self, entry: KeyEntry) -> None:
        self.entries.pop((entry.purpose, entry.serial), None)


@dataclass
class Dying:
    """`store` for somebody who dies at write number `at` (from 0): just before it, or just after."""

    store: Store
    at: int
    after: bool

    def load(self) -> list[KeyEntry]:
        return list(self.store.load())

    def add(self, key: NewKey, slot: KeySchedule) -> bool:
        self._before()
        took = self.store.add(key, slot)
        self._done()
        return took

    def revoke(self, entry: KeyEntry, now: int, replacement: tuple[NewKey, KeySchedule] | None) -> bool:
        self._before()
        took = self.store.revoke(entry, now, replacement)
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

    def __init__(self, store: Store) -> None:
        self._store = store
        self._read: list[KeyEntry] | None = list(store.load())
        self.add, self.revoke, self.remove = store.add, store.revoke, store.remove

    def load(self) -> list[KeyEntry]:
        read, self._read = self._read, None
        return list(self._store.load()) if read is None else read
