"""Roles follow from times (design: Keys)."""

import base64
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.errors import InvalidGrantError, StoreUnavailableError
from chalicelib.keys import material as keys
from chalicelib.keys.cache import KeyCache
from chalicelib.keys.material import NewKey
from chalicelib.keys.ring import KeyEntry, KeyRing, Purpose
from chalicelib.tokens.refresh_token import RefreshToken, mint

OUTLIVES = {Purpose.ACCESS_TOKEN: 900, Purpose.REFRESH_TOKEN: 10_000}


def entry(key: NewKey, signs_from: int) -> KeyEntry:
    return KeyEntry(key.kid, key.purpose, key.alg, key.secret, signs_from - 600, signs_from, key.public_jwk)


def hmac(number: int, signs_from: int) -> KeyEntry:
    return entry(keys.new_hmac_key(number.to_bytes(4, "big"), bytes([number]) * 32), signs_from)


@given(st.lists(st.integers(0, 100_000), min_size=1, max_size=6, unique=True), st.integers(0, 200_000))
def test_at_most_one_key_signs_and_it_is_the_newest_that_has_begun(starts: list[int], now: int) -> None:
    ring = KeyRing(tuple(hmac(n, start) for n, start in enumerate(starts)), OUTLIVES)
    active = ring.active(Purpose.REFRESH_TOKEN, now)
    begun = [start for start in starts if start <= now]
    assert (active.signs_from if active else None) == (max(begun) if begun else None)


@given(
    st.lists(st.integers(0, 100_000), min_size=1, max_size=6, unique=True),
    st.integers(0, 100_000),
    st.integers(0, 9_999),
)
def test_what_a_key_made_is_accepted_for_as_long_as_it_lives(starts: list[int], made_at: int, age: int) -> None:
    ring = KeyRing(tuple(hmac(n, start) for n, start in enumerate(starts)), OUTLIVES)
    maker = ring.active(Purpose.REFRESH_TOKEN, made_at)
    if maker is not None:
        assert maker in ring.usable(Purpose.REFRESH_TOKEN, made_at + age)


def test_a_key_is_gone_when_nothing_that_it_made_can_live() -> None:
    ring = KeyRing((hmac(1, 0), hmac(2, 5_000)), OUTLIVES)
    assert len(ring.usable(Purpose.REFRESH_TOKEN, 14_999)) == 2
    assert [key.kid for key in ring.usable(Purpose.REFRESH_TOKEN, 15_000)] == ["00000002"]


def test_a_pending_key_is_published_and_does_not_sign() -> None:
    old, new = keys.new_signing_key(), keys.new_signing_key()
    ring = KeyRing((entry(old, 0), entry(new, 1_000)), OUTLIVES)
    assert {jwk["kid"] for jwk in ring.jwk_set(999)["keys"]} == {old.kid, new.kid}
    active = ring.active(Purpose.ACCESS_TOKEN, 999)
    assert active is not None
    assert active.kid == old.kid


def test_the_jwk_set_has_public_halves_of_signing_keys_alone() -> None:
    ring = KeyRing((entry(keys.new_signing_key(), 0), hmac(1, 0)), OUTLIVES)
    (jwk,) = ring.jwk_set(0)["keys"]
    assert set(jwk) == {"kty", "crv", "x", "y", "use", "alg", "kid"}


def test_a_key_id_is_the_rfc_7638_thumbprint() -> None:
    key = keys.new_signing_key()
    assert key.kid == key.public_jwk["kid"] if key.public_jwk else False
    assert len(base64.urlsafe_b64decode(key.kid + "=")) == 32


def test_no_key_id_looks_like_an_option_of_a_command(monkeypatch: pytest.MonkeyPatch) -> None:
    thumbprints = iter(["-option", "kid"])
    monkeypatch.setattr(keys, "_thumbprint", lambda _: next(thumbprints))
    assert keys.new_signing_key().kid == "kid"


def test_a_key_for_one_purpose_is_not_the_sealed_secret_itself() -> None:
    made = hmac(1, 0)
    assert keys.hmac_key(made, made.sealed).key != made.sealed


class Store:
    """A ring in memory that counts its reads and can fail."""

    def __init__(self, *entries: KeyEntry) -> None:
        self.entries = list(entries)
        self.reads = self.unsealed = 0
        self.failing = False

    def load(self) -> Iterable[KeyEntry]:
        self.reads += 1
        if self.failing:
            raise StoreUnavailableError
        return list(self.entries)

    def unseal(self, entry: KeyEntry) -> bytes:
        self.unsealed += 1
        return entry.sealed


TOKEN = RefreshToken("A" * 22, "A" * 22, b"x" * 16, 0)


def test_the_ring_is_read_once_and_a_key_unsealed_once() -> None:
    store = Store(hmac(1, 0))
    cache = KeyCache(store, OUTLIVES, max_age=300)
    assert cache.hmac_key(100) is cache.hmac_key(399)
    assert (store.reads, store.unsealed) == (1, 1)
    cache.ring(400)
    assert store.reads == 2


def test_an_unknown_key_id_reads_the_ring_once_before_refusing() -> None:
    store = Store(hmac(1, 0))
    cache = KeyCache(store, OUTLIVES, max_age=300)
    cache.ring(100)
    store.entries.append(hmac(2, 50))
    newer = keys.hmac_key(store.entries[1], store.entries[1].sealed)
    assert cache.read_refresh_token(mint(TOKEN, newer), 110) == TOKEN
    unknown = keys.hmac_key(hmac(3, 0), b"3" * 32)
    for _ in range(5):
        with pytest.raises(InvalidGrantError):
            cache.read_refresh_token(mint(TOKEN, unknown), 111)
    assert store.reads == 2


def test_a_ring_that_cannot_be_read_again_stays_in_use() -> None:
    store = Store(hmac(1, 0))
    cache = KeyCache(store, OUTLIVES, max_age=300)
    cache.ring(100)
    store.failing = True
    assert cache.hmac_key(1_000).kid == "00000001"


def test_a_ring_that_was_never_read_is_a_failing_store() -> None:
    store = Store()
    store.failing = True
    with pytest.raises(StoreUnavailableError):
        KeyCache(store, OUTLIVES, max_age=300).hmac_key(100)
    store.failing = False
    with pytest.raises(StoreUnavailableError):
        KeyCache(store, OUTLIVES, max_age=300).hmac_key(200)
