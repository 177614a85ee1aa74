"""A key ring to which things happen: runs of every kind, late, twice, together or cut short; and its history."""

import secrets
from bisect import bisect_right
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from chalicelib.errors import NotFoundError, StoreUnavailableError
from chalicelib.keys.ring import KeyEntry, KeyRing, Purpose, Role
from chalicelib.keys.rotation import KeyRotation, RingStore
from chalicelib.keys.timing import rotation_policies, token_lifetimes
from chalicelib.settings import Settings
from tests.keys.expected import PURPOSES, cached_for
from tests.keys.memory import Dying, Late, MemoryRing
from tests.support.recorder import Recorder

BEGIN = 1_800_000_000


@dataclass
class World:
    """`history`: the ring after each thing that happened. Kids in `at_once` had no time to be published first."""

    settings: Settings
    store: RingStore = field(default_factory=MemoryRing)
    now: int = BEGIN
    history: list[tuple[int, KeyRing]] = field(default_factory=list)
    at_once: set[str] = field(default_factory=set)

    def rotation(self, store: RingStore | None = None) -> KeyRotation:
        given = self.settings
        return KeyRotation(
            store or self.store, Recorder(), rotation_policies(given), token_lifetimes(given), secrets.token_bytes
        )

    def happen(self, step: "Step") -> None:
        """Waits, lets `step` happen and notes what became of the ring."""
        self.now += step.wait
        was = self.rotation().ring()
        step.way(self, step.number)
        ring = self.rotation().ring()
        before = {entry.kid: entry for entry in was.entries}
        for entry in ring.entries:
            promoted = entry.kid in before and entry.signs_from != before[entry.kid].signs_from
            new = entry.kid not in before
            first = new and was.signer(entry.purpose, entry.alg, self.now) is None
            # Those that operators promote so early that not everybody has them yet.
            early = self.now < entry.published_at + cached_for(self.settings)
            at_once = promoted or (new and step.way in BY_HAND and entry.signs_from <= self.now)
            if first or (at_once and early):
                self.at_once.add(entry.kid)
        self.history.append((self.now, ring))

    def ring(self, moment: int) -> KeyRing:
        """The ring as the table had it at `moment`."""
        return self.history[bisect_right(self.history, moment, key=lambda noted: noted[0]) - 1][1]

    def moments(self) -> Iterator[int]:
        """Each second from which something is different, and the one before."""
        changes = {moment for moment, _ in self.history}
        for _, ring in self.history:
            for entry in ring.trusted(Purpose.ACCESS_TOKEN) + ring.trusted(Purpose.REFRESH_TOKEN):
                ends = ring.signed_until(entry), ring.gone_at(entry)
                changes |= {entry.signs_from, *(end for end in ends if end is not None)}
        begin = self.history[0][0]
        yield from sorted({moment - step for moment in changes for step in (0, 1) if moment - step >= begin})


Way = Callable[[World, int], None]


@dataclass(frozen=True)
class Step:
    """`wait` seconds, then `way` happens. `number` says which write is the last, or which key is meant."""

    wait: int
    way: Way
    number: int = 0

    def __repr__(self) -> str:
        return f"Step({self.wait}, {self.way.__name__}, {self.number})"


def runs(world: World, _: int) -> None:
    world.rotation().run(world.now)


def runs_twice(world: World, _: int) -> None:
    world.rotation().run(world.now)
    world.rotation().run(world.now)


def runs_in_two_places(world: World, _: int) -> None:
    first, second = world.rotation(Late(world.store)), world.rotation(Late(world.store))
    first.run(world.now)
    assert second.run(world.now) == []  # what the first has added, and nothing else


def dies_before_a_write(world: World, number: int) -> None:
    with suppress(StoreUnavailableError):
        world.rotation(Dying(world.store, number, after=False)).run(world.now)


def dies_after_a_write(world: World, number: int) -> None:
    with suppress(StoreUnavailableError):
        world.rotation(Dying(world.store, number, after=True)).run(world.now)


def runs_with_another_algorithm(world: World, _: int) -> None:
    other = {"ES256": "EdDSA", "EdDSA": "ES256"}[world.settings.signing_alg]
    world.settings = world.settings._replace(signing_alg=other)
    world.rotation().run(world.now)


def is_forced(world: World, _: int) -> None:
    for purpose in PURPOSES:
        world.rotation().force(purpose, world.now)


def loses_a_key(world: World, number: int) -> None:
    """A key is revoked, by somebody who read the ring just before a run."""
    late = world.rotation(Late(world.store))
    world.rotation().run(world.now)
    entries = sorted(world.store.load(), key=lambda entry: (entry.purpose, entry.alg, entry.serial))
    entry = entries[number % len(entries)]
    with suppress(NotFoundError):
        instead = late.revoke(entry.kid, world.now)
        ring = world.rotation().ring()
        assert instead is None or instead in {key.kid for key in signing(ring, entry.purpose, world.now)}


WAYS: tuple[Way, ...] = (
    runs,
    runs_twice,
    runs_in_two_places,
    dies_before_a_write,
    dies_after_a_write,
    runs_with_another_algorithm,
    is_forced,
    loses_a_key,
)


BY_HAND = (is_forced, loses_a_key)


def signing(ring: KeyRing, purpose: Purpose, moment: int) -> list[KeyEntry]:
    """The entries whose role is to sign: one, and while the algorithm changes one of each."""
    return [entry for entry in ring.trusted(purpose) if ring.role(entry, moment) is Role.ACTIVE]


def usable(ring: KeyRing, purpose: Purpose, moment: int) -> set[str]:
    """The key ids by which something is accepted: the JWK Set's, or those of the HMAC keys at hand."""
    if purpose is Purpose.ACCESS_TOKEN:
        return {jwk["kid"] for jwk in ring.jwk_set(moment)["keys"]}
    return {entry.kid for entry in ring.usable(purpose, moment)}
