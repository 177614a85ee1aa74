"""The ring as a container holds it: when it is read, what is opened, and that no revoked key is given."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import replace

import pytest

from chalicelib.errors import InvalidGrantError, StoreUnavailableError
from chalicelib.keys import material as keys
from chalicelib.keys.cache import RELOAD_COOLDOWN, KeyCache
from chalicelib.keys.material import HmacKey, NewKey
from chalicelib.keys.ring import KeyEntry, Purpose
from chalicelib.tokens.refresh_token import RefreshToken, mint, read

OUTLIVES = {Purpose.ACCESS_TOKEN: 900, Purpose.REFRESH_TOKEN: 10_000, Purpose.ID_TOKEN: 900}
MAX_AGE, REVOCATIONS_LAST = 300, 900
TOKEN = RefreshToken("A" * 22, "0" * 32, b"x" * 16, 0)
SIGNING = keys.new_signing_key()


def entry(key: NewKey, signs_from: int) -> KeyEntry:
    return KeyEntry(key.kid, key.purpose, key.alg, key.secret, signs_from - 600, signs_from, key.public_jwk)


def hmac(number: int, signs_from: int = 0) -> KeyEntry:
    return entry(keys.new_hmac_key(number.to_bytes(4, "big"), bytes([number]) * 32), signs_from)


def opened(made: KeyEntry) -> HmacKey:
    return keys.hmac_key(made, made.sealed)


class World:
    """A ring in memory that counts its reads, what was opened, and the feed; each can fail."""

    def __init__(self, *entries: KeyEntry) -> None:
        self.entries = list(entries)
        self.reads = 0
        self.unsealed: list[str] = []
        self.sealed_for_ever: set[str] = set()
        self.feed: set[str] = set()
        self.failing = self.feed_failing = False
        self.cache = KeyCache(self, OUTLIVES, "ES256", MAX_AGE, self.revoked, REVOCATIONS_LAST)

    def load(self) -> Iterable[KeyEntry]:
        self.reads += 1
        if self.failing:
            raise StoreUnavailableError
        return list(self.entries)

    def unseal(self, entry: KeyEntry) -> bytes:
        if entry.kid in self.sealed_for_ever:
            raise StoreUnavailableError
        self.unsealed.append(entry.kid)
        return entry.sealed

    def revoked(self, _: int) -> Collection[str]:
        if self.feed_failing:
            raise StoreUnavailableError
        return frozenset(self.feed)

    def revoke(self, kid: str, now: int) -> None:
        """In the table, and in the feed."""
        self.entries = [replace(each, revoked_at=now) if each.kid == kid else each for each in self.entries]
        self.feed.add(kid)

    def published(self, now: int) -> set[str]:
        return {jwk["kid"] for jwk in self.cache.jwk_set(now)["keys"]}


def test_the_ring_is_read_once_and_a_key_opened_once() -> None:
    world = World(hmac(1))
    assert world.cache.hmac_key(100) is world.cache.hmac_key(399)
    assert (world.reads, world.unsealed) == (1, ["00000001"])
    world.cache.ring(400)
    assert world.reads == 2


# --- A refresh token's key


@pytest.mark.parametrize("signs_from", [50, 5_000], ids=["active", "standby"])
def test_a_key_that_kms_cannot_open_stops_its_own_tokens_alone(signs_from: int) -> None:
    good, bad = hmac(1, 0), hmac(2, signs_from)
    world = World(good, bad)
    world.sealed_for_ever.add(bad.kid)
    assert read(mint(TOKEN, opened(good)), world.cache, 110) == TOKEN
    with pytest.raises(StoreUnavailableError):
        read(mint(TOKEN, opened(bad)), world.cache, 110)
    assert world.unsealed == [good.kid]


def test_an_unknown_key_id_reads_the_ring_once_before_refusing() -> None:
    world = World(hmac(1))
    world.cache.ring(100)
    world.entries.append(hmac(2, 50))
    assert read(mint(TOKEN, opened(hmac(2))), world.cache, 100 + RELOAD_COOLDOWN) == TOKEN
    for _ in range(5):
        with pytest.raises(InvalidGrantError):
            read(mint(TOKEN, opened(hmac(3))), world.cache, 101 + RELOAD_COOLDOWN)
    assert world.reads == 2


@pytest.mark.parametrize("text", ["", "gtr_", "x" * 123, "gtr_" + "A" * 119])
def test_what_is_no_refresh_token_asks_for_nothing(text: str) -> None:
    world = World(hmac(1))
    world.feed_failing = True
    with pytest.raises(InvalidGrantError):
        read(text, world.cache, 100)
    assert world.reads == 0


def test_a_key_that_is_gone_reads_nothing() -> None:
    world = World(hmac(1, 0), hmac(2, 5_000))
    assert world.cache.hmac_key_named("00000001", 14_999) is not None
    assert world.cache.hmac_key_named("00000001", 15_000) is None


def test_a_signing_key_is_no_hmac_key() -> None:
    assert World(entry(SIGNING, 0)).cache.hmac_key_named(SIGNING.kid, 100) is None


# --- Revoked keys

ASKING: dict[str, Callable[[KeyCache, int], object]] = {
    "signing_key": KeyCache.signing_key,
    "hmac_key": KeyCache.hmac_key,
    "hmac_key_named": lambda cache, now: cache.hmac_key_named("00000001", now),
}
every_way = pytest.mark.parametrize("ask", ASKING.values(), ids=ASKING)


@pytest.fixture
def world() -> World:
    """A ring of two for each purpose, read at 100."""
    made = World(entry(SIGNING, 0), entry(keys.new_signing_key(), 50_000), hmac(1), hmac(2, 50_000))
    for ask in ASKING.values():
        assert ask(made.cache, 100) is not None
    return made


def revoke_all(world: World, now: int) -> None:
    for kid in (SIGNING.kid, "00000001"):
        world.revoke(kid, now)
    world.entries = [replace(each, signs_from=0) for each in world.entries]


def test_a_revoked_key_is_given_no_more_and_its_standby_is(world: World) -> None:
    revoke_all(world, 101)
    assert world.cache.signing_key(101).kid not in world.feed
    assert world.cache.hmac_key(101).kid == "00000002"
    assert world.cache.hmac_key_named("00000001", 101) is None
    assert world.reads == 2


@every_way
@pytest.mark.parametrize("now", [101, 50, 100], ids=["on", "set back", "standing still"])
def test_while_the_ring_cannot_be_read_no_key_is_given(
    world: World, ask: Callable[[KeyCache, int], object], now: int
) -> None:
    revoke_all(world, 101)
    world.failing = True
    for _ in range(2):
        with pytest.raises(StoreUnavailableError):
            ask(world.cache, now)
    world.failing = False
    ask(world.cache, now)


@pytest.mark.parametrize("now", [101, 50, 100], ids=["on", "set back", "standing still"])
def test_a_clock_that_was_set_back_lets_no_revoked_key_sign(world: World, now: int) -> None:
    revoke_all(world, 101)
    assert world.cache.signing_key(now).kid != SIGNING.kid


@every_way
def test_while_the_feed_cannot_be_read_no_key_is_given(
    world: World, ask: Callable[[KeyCache, int], object]
) -> None:
    world.feed_failing = True
    with pytest.raises(StoreUnavailableError):
        ask(world.cache, 101)


@every_way
def test_a_ring_that_cannot_be_read_again_stays_in_use_for_as_long_as_the_feed_knows_what_came_since(
    world: World, ask: Callable[[KeyCache, int], object]
) -> None:
    world.failing = True
    assert ask(world.cache, 100 + REVOCATIONS_LAST - 1) is not None
    with pytest.raises(StoreUnavailableError):
        ask(world.cache, 100 + REVOCATIONS_LAST)
    world.failing = False
    assert ask(world.cache, 100 + REVOCATIONS_LAST) is not None


@every_way
def test_a_ring_that_was_never_read_and_one_without_keys_are_failing_stores(
    ask: Callable[[KeyCache, int], object],
) -> None:
    world = World()
    world.failing = True
    with pytest.raises(StoreUnavailableError):
        ask(world.cache, 100)
    world.failing = False
    if ask is not ASKING["hmac_key_named"]:  # for which a key that is not there is an answer
        with pytest.raises(StoreUnavailableError):
            ask(world.cache, 200)
    world.entries = [hmac(1), entry(SIGNING, 0)]
    assert ask(world.cache, 200 + RELOAD_COOLDOWN) is not None


# --- The JWK Set


def test_the_jwk_set_has_the_active_key_and_the_standby(world: World) -> None:
    assert world.published(101) == {each.kid for each in world.entries if each.public_jwk}


def test_it_has_no_revoked_key_though_the_ring_cannot_be_read(world: World) -> None:
    standby = world.published(101) - {SIGNING.kid}
    world.revoke(SIGNING.kid, 101)
    world.failing = True
    assert world.published(101) == standby
    world.failing = False
    assert world.published(101) == standby


def test_it_needs_no_feed_but_a_ring(world: World) -> None:
    world.feed_failing = True
    assert SIGNING.kid in world.published(101)
    world.failing = True
    assert SIGNING.kid in world.published(100 + 10 * REVOCATIONS_LAST)


def test_an_empty_one_is_never_served() -> None:
    world = World(hmac(1))
    with pytest.raises(StoreUnavailableError):
        world.cache.jwk_set(100)
    world.entries.append(entry(SIGNING, 0))
    assert world.published(100 + RELOAD_COOLDOWN) == {SIGNING.kid}
