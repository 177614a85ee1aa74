"""The key ring as one container holds it: read when first needed, private halves unsealed once."""

from collections.abc import Callable, Collection, Iterable, Mapping
from threading import RLock
from typing import Protocol, TypeVar

from chalicelib.errors import StoreUnavailableError
from chalicelib.keys.material import SigningKey, hmac_key, signing_key
from chalicelib.keys.ring import KeyEntry, KeyRing, Purpose
from chalicelib.tokens.refresh_token import HmacKey, RefreshToken, UnknownKeyError, read

Key = TypeVar("Key", SigningKey, HmacKey)

# An unknown key id reads the ring again, but at most once in so many seconds.
RELOAD_COOLDOWN = 10


class KeyStore(Protocol):
    """What is needed of the ring's table and of KMS. Both raise `StoreUnavailableError`."""

    def load(self) -> Iterable[KeyEntry]: ...

    def unseal(self, entry: KeyEntry) -> bytes: ...


class KeyCache:
    """The ring, at most `max_age` seconds old; `token_lifetimes` as in `KeyRing`.

    A ring that cannot be read again stays in use (keys change by time, not by news); one that could never
    be read raises `StoreUnavailableError`.
    """

    def __init__(self, store: KeyStore, token_lifetimes: Mapping[Purpose, int], max_age: int) -> None:
        self._store = store
        self._token_lifetimes = token_lifetimes
        self._max_age = max_age
        self._lock = RLock()
        self._ring: KeyRing | None = None
        self._tried_at = 0
        self._signing_keys: dict[str, SigningKey] = {}
        self._hmac_keys: dict[str, HmacKey] = {}

    def ring(self, now: int) -> KeyRing:
        """The ring, read again where it is older than `max_age`."""
        return self._read(now, self._max_age)

    def reload_if_revoked(self, revoked: Collection[str], now: int) -> None:
        """Reads the ring at once where a key that it still trusts is among the `revoked` key ids."""
        trusted = {entry.kid for entry in self.ring(now).entries if entry.revoked_at is None}
        if not trusted.isdisjoint(revoked):
            self._read(now, 0)

    def signing_key(self, now: int) -> SigningKey:
        """The key that signs access tokens now."""
        return self._opened(self._active(Purpose.ACCESS_TOKEN, now), signing_key, self._signing_keys)

    def hmac_key(self, now: int) -> HmacKey:
        """The key that authenticates new refresh tokens."""
        return self._opened(self._active(Purpose.REFRESH_TOKEN, now), hmac_key, self._hmac_keys)

    def read_refresh_token(self, text: str, now: int) -> RefreshToken:
        """The refresh token that `text` says. Raises `InvalidGrantError`.

        An unknown key id may be newer than this container's ring: the ring is read once before refusing.
        """
        try:
            return read(text, self._usable_hmac_keys(self.ring(now), now))
        except UnknownKeyError:
            return read(text, self._usable_hmac_keys(self._read(now, RELOAD_COOLDOWN), now))

    def _usable_hmac_keys(self, ring: KeyRing, now: int) -> dict[str, HmacKey]:
        usable = ring.usable(Purpose.REFRESH_TOKEN, now)
        return {entry.kid: self._opened(entry, hmac_key, self._hmac_keys) for entry in usable}

    def _active(self, purpose: Purpose, now: int) -> KeyEntry:
        active = self.ring(now).active(purpose, now) or self._read(now, RELOAD_COOLDOWN).active(purpose, now)
        if active is None:
            raise StoreUnavailableError(detail=f"key ring: nothing signs for {purpose}")
        return active

    def _read(self, now: int, max_age: int) -> KeyRing:
        with self._lock:
            if self._ring is not None and now < self._tried_at + max_age:
                return self._ring
            self._tried_at = now
            try:
                self._ring = KeyRing(tuple(self._store.load()), self._token_lifetimes)
            except StoreUnavailableError:
                if self._ring is None:
                    raise
            return self._ring

    def _opened(self, entry: KeyEntry, build: Callable[[KeyEntry, bytes], Key], opened: dict[str, Key]) -> Key:
        with self._lock:
            if entry.kid not in opened:
                opened[entry.kid] = build(entry, self._store.unseal(entry))
            return opened[entry.kid]
