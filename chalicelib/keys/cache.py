"""The key ring as one container holds it: read when first needed, private halves unsealed once."""

from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from threading import RLock
from typing import Protocol, TypeVar

from chalicelib.errors import StoreUnavailableError
from chalicelib.keys.material import HMAC_ALG, HmacKey, SigningKey, hmac_key, signing_key
from chalicelib.keys.ring import KeyEntry, KeyRing, Purpose

Key = TypeVar("Key", SigningKey, HmacKey)

# An unknown key id reads the ring again, but at most once in so many seconds.
RELOAD_COOLDOWN = 10


class KeyStore(Protocol):
    """What is needed of the ring's table and of KMS. Both raise `StoreUnavailableError`."""

    def load(self) -> Iterable[KeyEntry]: ...

    def unseal(self, entry: KeyEntry) -> bytes: ...


class KeyCache:
    """The ring, at most `max_age` seconds old; `token_lifetimes` as in `KeyRing`, `signing_alg` for access tokens.

    `revoked` gives the key ids that the revocation feed names at a NumericDate; it names each for
    `revocations_last` seconds, and raises `StoreUnavailableError`. Whoever gets a key here has seen them:
    each method that gives one raises `StoreUnavailableError` where a revoked key might still be in use.

    A ring that cannot be read again stays in use, for keys change by time, not by news; but keys that sign are
    not taken from one that is older than what the feed still names.
    """

    def __init__(
        self,
        store: KeyStore,
        token_lifetimes: Mapping[Purpose, int],
        signing_alg: str,
        max_age: int,
        revoked: Callable[[int], Collection[str]],
        revocations_last: int,
    ) -> None:
        self._store = store
        self._token_lifetimes = token_lifetimes
        self._signing_alg = signing_alg
        self._max_age = max_age
        self._revoked = revoked
        self._revocations_last = revocations_last
        self._lock = RLock()
        self._ring: KeyRing | None = None
        self._tried_at = 0
        self._read_at = 0
        self._signing_keys: dict[str, SigningKey] = {}
        self._hmac_keys: dict[str, HmacKey] = {}

    def ring(self, now: int) -> KeyRing:
        """The ring, read again where it is older than `max_age`."""
        return self._read(now, self._max_age)

    def signing_key(self, now: int) -> SigningKey:
        """The key that signs access tokens now."""
        return self._opened(
            self._signer(Purpose.ACCESS_TOKEN, self._signing_alg, now), signing_key, self._signing_keys
        )

    def hmac_key(self, now: int) -> HmacKey:
        """The key that authenticates new refresh tokens."""
        return self._opened(self._signer(Purpose.REFRESH_TOKEN, HMAC_ALG, now), hmac_key, self._hmac_keys)

    def hmac_key_named(self, kid: str, now: int) -> HmacKey | None:
        """The key `kid` of refresh tokens, if what it authenticated may be alive; no other key is opened.

        An unknown key id may be newer than this container's ring: the ring is read once before saying so.
        """
        entry = _named(kid, self._trusted(now), now) or _named(kid, self._read(now, RELOAD_COOLDOWN), now)
        return self._opened(entry, hmac_key, self._hmac_keys) if entry else None

    def jwk_set(self, now: int) -> dict[str, list[dict[str, str]]]:
        """The JWK Set document (RFC 7517 §5), which is never empty.

        Without news of revoked keys it is still the best there is, for verifiers must not go without. Raises
        `StoreUnavailableError` where there is no ring, or no key in it.
        """
        revoked: Collection[str] = ()
        with suppress(StoreUnavailableError):
            revoked = self._revoked(now)
        ring = self.ring(now)
        if _trusts(ring, revoked):
            ring = self._read(now, 0)
        keys = _published(ring, revoked, now) or _published(self._read(now, RELOAD_COOLDOWN), revoked, now)
        if not keys:
            raise StoreUnavailableError(detail="key ring: no key to publish")
        return {"keys": keys}

    def _signer(self, purpose: Purpose, alg: str, now: int) -> KeyEntry:
        signer = self._trusted(now).signer(purpose, alg, now)
        signer = signer or self._read(now, RELOAD_COOLDOWN).signer(purpose, alg, now)
        if signer is None:
            raise StoreUnavailableError(detail=f"key ring: nothing signs for {purpose}")
        return signer

    def _trusted(self, now: int) -> KeyRing:
        """The ring, which has no key that was revoked."""
        revoked = self._revoked(now)
        ring = self.ring(now)
        if _trusts(ring, revoked) or not self._known(now):
            ring = self._read(now, 0)
        if _trusts(ring, revoked):
            raise StoreUnavailableError(detail="key ring: it has a key that was revoked")
        if not self._known(now):
            raise StoreUnavailableError(detail="key ring: what was revoked since it was read is not known")
        return ring

    def _known(self, now: int) -> bool:
        """Whether the feed still names what was revoked since the ring was read."""
        return _within(now, self._read_at, self._revocations_last)

    def _read(self, now: int, max_age: int) -> KeyRing:
        with self._lock:
            if self._ring is not None and _within(now, self._tried_at, max_age):
                return self._ring
            self._tried_at = now
            try:
                self._ring = KeyRing(tuple(self._store.load()), self._token_lifetimes)
                self._read_at = now
            except StoreUnavailableError:
                if self._ring is None:
                    raise
            return self._ring

    def _opened(self, entry: KeyEntry, build: Callable[[KeyEntry, bytes], Key], opened: dict[str, Key]) -> Key:
        with self._lock:
            if entry.kid not in opened:
                opened[entry.kid] = build(entry, self._store.unseal(entry))
            return opened[entry.kid]


def _within(now: int, since: int, seconds: int) -> bool:
    """Whether less than `seconds` have passed; a clock that was set back says nothing, so they have."""
    return 0 <= now - since < seconds


def _named(kid: str, ring: KeyRing, now: int) -> KeyEntry | None:
    usable = ring.usable(Purpose.REFRESH_TOKEN, now)
    return next((entry for entry in usable if entry.kid == kid), None)


def _trusts(ring: KeyRing, revoked: Collection[str]) -> bool:
    """Whether `ring` trusts a key that is among the `revoked` key ids."""
    return any(entry.kid in revoked for entry in ring.entries if entry.revoked_at is None)


def _published(ring: KeyRing, revoked: Collection[str], now: int) -> list[dict[str, str]]:
    return [jwk for jwk in ring.jwk_set(now)["keys"] if jwk["kid"] not in revoked]
