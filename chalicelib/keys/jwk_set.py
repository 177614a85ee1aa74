"""The key set of the gate: an issuer's public keys, by `kid` (RFC 7517), fetched seldom and never lost.

`parse_jwk_set` reads a document, `RemoteJwkSet` keeps what was read, `fetch_jwk_set` is the network. The
gate's cold start pays for every import here, so there is only `cryptography`, and what fetches waits.
"""

import json
import logging
import threading
from collections.abc import Callable, Mapping
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePublicKey,
    EllipticCurvePublicNumbers,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, RSAPublicNumbers

from chalicelib import base64url
from chalicelib.errors import StoreUnavailableError

# In seconds, for each wait on the socket: who answers may be a function that has to start first.
FETCH_TIMEOUT = 5.0
MAX_DOCUMENT_LENGTH = 64 * 1024  # bytes

_P256_OCTETS = 32
_MIN_RSA_BITS = 2048  # RFC 7518 §3.3
_MIN_RSA_EXPONENT = 65537

_log = logging.getLogger(__name__)


class PublicKey(NamedTuple):
    """A key that verifies, and the one `alg` that it does so with (RFC 8725 §3.1). Its `kid` is its name."""

    kid: str
    alg: str
    key: EllipticCurvePublicKey | RSAPublicKey | Ed25519PublicKey


JwkSet = Mapping[str, PublicKey]
_Jwk = Mapping[str, object]


class KeysUnavailableError(StoreUnavailableError):
    """No key was ever fetched, so nothing can be verified and nobody is let in."""


def parse_jwk_set(document: bytes) -> JwkSet:
    """The usable keys of a JWK Set, by `kid`.

    A key that we can't use (another kind, no `kid` or `alg`, not for signatures, private, out of range) is
    passed over (RFC 7517 §5). Raises `ValueError` for a document that is no JWK Set, for two usable keys with
    one `kid`, and where no key is usable: an empty set is an accident, never a reason to refuse everybody.
    """
    try:
        jwk_set = json.loads(document.decode("utf-8"))
    except RecursionError as error:
        raise ValueError("the JWK Set is nested too deeply") from error
    members = jwk_set.get("keys") if isinstance(jwk_set, dict) else None
    if not isinstance(members, list):
        raise ValueError("not a JWK Set")
    keys: dict[str, PublicKey] = {}
    for jwk in members:
        key = _usable(jwk)
        if key is None:
            continue
        if key.kid in keys:
            raise ValueError("two keys of the JWK Set have one kid")
        keys[key.kid] = key
    if not keys:
        raise ValueError("the JWK Set has no usable key")
    return keys


def _usable(jwk: object) -> PublicKey | None:
    """The key that `jwk` is, or None where it is none of ours."""
    if not isinstance(jwk, dict) or "d" in jwk or "k" in jwk:
        return None
    kid, alg = jwk.get("kid"), jwk.get("alg")
    if not isinstance(kid, str) or not kid or not isinstance(alg, str) or alg not in _READERS:
        return None
    if jwk.get("use", "sig") != "sig" or "verify" not in _operations(jwk):  # RFC 7517 §4.2, §4.3
        return None
    try:
        return PublicKey(kid, alg, _READERS[alg](jwk))
    except ValueError:
        return None


def _operations(jwk: _Jwk) -> list[object]:
    operations = jwk.get("key_ops", ["verify"])
    return operations if isinstance(operations, list) else []


def _p256(jwk: _Jwk) -> EllipticCurvePublicKey:
    """RFC 7518 §6.2.1: both coordinates are as long as the field; `cryptography` checks the point."""
    _expect(jwk, kty="EC", crv="P-256")
    x, y = _octets(jwk, "x"), _octets(jwk, "y")
    if len(x) != _P256_OCTETS or len(y) != _P256_OCTETS:
        raise ValueError("a coordinate of the wrong length")
    return EllipticCurvePublicNumbers(int.from_bytes(x, "big"), int.from_bytes(y, "big"), SECP256R1()).public_key()


def _rsa(jwk: _Jwk) -> RSAPublicKey:
    """RFC 7518 §6.3.1; `cryptography` refuses an even exponent."""
    _expect(jwk, kty="RSA")
    n, e = int.from_bytes(_octets(jwk, "n"), "big"), int.from_bytes(_octets(jwk, "e"), "big")
    if n.bit_length() < _MIN_RSA_BITS or e < _MIN_RSA_EXPONENT:
        raise ValueError("a weak RSA key")
    return RSAPublicNumbers(e, n).public_key()


def _ed25519(jwk: _Jwk) -> Ed25519PublicKey:
    """RFC 8037 §2."""
    _expect(jwk, kty="OKP", crv="Ed25519")
    return Ed25519PublicKey.from_public_bytes(_octets(jwk, "x"))


# `Ed25519` is the fully specified name for what `EdDSA` means here (RFC 9864 §2.2).
_READERS: Mapping[str, Callable[[_Jwk], EllipticCurvePublicKey | RSAPublicKey | Ed25519PublicKey]] = {
    "ES256": _p256,
    "RS256": _rsa,
    "EdDSA": _ed25519,
    "Ed25519": _ed25519,
}
VERIFICATION_ALGORITHMS = frozenset(_READERS)


def _expect(jwk: _Jwk, **members: str) -> None:
    if any(jwk.get(name) != value for name, value in members.items()):
        raise ValueError("kty, crv and alg do not agree")


def _octets(jwk: _Jwk, name: str) -> bytes:
    text = jwk.get(name)
    if not isinstance(text, str):
        raise ValueError("a key member is missing")
    return base64url.decode(text)


class RemoteJwkSet:
    """The keys published at `uri`. Safe for threads; one object for each issuer and container.

    It fetches when it has no keys, for an unknown `kid`, and where its keys are `max_age` seconds old; but
    never twice within `cooldown` seconds, whatever happens. A fetch that fails, or brings what is no JWK Set,
    changes nothing: the gate goes on with the keys that it has, past `max_age` too. One that succeeds
    replaces them all, so a key that is no longer published is gone.

    `fetch` takes the URI and returns the document, or raises `OSError`. `clock` gives seconds; it may be
    the wall clock (a container sleeps between requests, and a monotonic clock may sleep with it).
    """

    def __init__(
        self,
        uri: str,
        fetch: Callable[[str], bytes],
        clock: Callable[[], float],
        max_age: float = 300,
        cooldown: float = 10,
    ) -> None:
        self._uri, self._fetch, self._clock = uri, fetch, clock
        self._max_age, self._cooldown = max_age, cooldown
        self._keys: JwkSet = {}
        self._fetched_at: float | None = None
        self._tried_at: float | None = None
        self._fetching = threading.Lock()

    def key(self, kid: str) -> PublicKey | None:
        """The key with this `kid`, or None. Raises `KeysUnavailableError` where none were ever fetched."""
        # One thread fetches. The others go on with the keys that there are, and wait only for the first.
        if (not self._keys or self._due(kid)) and self._fetching.acquire(blocking=not self._keys):
            try:
                self._refetch(kid)
            finally:
                self._fetching.release()
        keys = self._keys
        if not keys:
            raise KeysUnavailableError(detail="the JWK Set was never fetched", retry_after=int(self._cooldown))
        return keys.get(kid)

    def _due(self, kid: str) -> bool:
        now = self._clock()
        if _within(now, self._tried_at, self._cooldown):
            return False
        return kid not in self._keys or not _within(now, self._fetched_at, self._max_age)

    def _refetch(self, kid: str) -> None:
        if not self._due(kid):  # another thread fetched while this one waited
            return
        self._tried_at = self._clock()
        try:
            self._keys = parse_jwk_set(self._fetch(self._uri))
        except (OSError, ValueError) as error:
            _log.warning("The JWK Set could not be fetched: %s", error)
        else:
            self._fetched_at = self._tried_at


def _within(now: float, since: float | None, seconds: float) -> bool:
    """Whether less than `seconds` have passed; a clock that was set back is no reason to wait for it."""
    return since is not None and 0 <= now - since < seconds


def fetch_jwk_set(uri: str) -> bytes:
    """The document at `uri`, by one GET over HTTP or HTTPS, without redirects and without proxies.

    Raises `OSError` for any status but 200, for more than 64 kB, and for what does not come in time.
    """
    import urllib.request
    from http import HTTPStatus
    from http.client import HTTPException

    if not uri.startswith(("https://", "http://")):
        raise OSError("the JWK Set's address is neither https nor http")
    # Built by hand because the default opener follows redirects and reads files.
    opener = urllib.request.OpenerDirector()
    opener.add_handler(urllib.request.HTTPHandler())
    opener.add_handler(urllib.request.HTTPSHandler())
    try:
        with opener.open(uri, timeout=FETCH_TIMEOUT) as response:
            document: bytes = response.read(MAX_DOCUMENT_LENGTH + 1)
            status: int = response.status
    except (HTTPException, ValueError) as error:
        raise OSError(f"the JWK Set's address gave no HTTP answer: {type(error).__name__}") from error
    if status != HTTPStatus.OK:
        raise OSError(f"the JWK Set's address answered {status}")
    if len(document) > MAX_DOCUMENT_LENGTH:
        raise OSError("the JWK Set is too long")
    return document
