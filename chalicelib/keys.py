"""The key ring: which keys sign, which only verify, and the JWK Set (RFC 7517) that the world sees.

An entry stores two times, `published_at` and `signs_from`. All else follows from `now` and from the entries
beside it, so that a container that slept needs no news:

    pending    published, not yet signing: longer than anyone may cache the JWK Set
    active     signing: the newest entry whose `signs_from` has come
    retired    a newer one signs; what this one signed may still be alive
    gone       nothing that it signed can be alive
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)

from chalicelib import base64url
from chalicelib.refresh_token import HmacKey

HMAC_KEY_BYTES = 32


class Purpose(StrEnum):
    """What a key is for. No key is ever used for two purposes."""

    ACCESS_TOKEN = "access_token"  # noqa: S105
    REFRESH_TOKEN = "refresh_token"  # noqa: S105


@dataclass(frozen=True, slots=True)
class KeyEntry:
    """One key as the ring's table holds it; `sealed` is the private half, encrypted by KMS.

    `public_jwk` is the public half of a signing key, ready for the JWK Set; `None` for an HMAC key.
    """

    kid: str
    purpose: Purpose
    alg: str
    sealed: bytes = field(repr=False)
    published_at: int
    signs_from: int
    public_jwk: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key built once, ready to sign."""

    kid: str
    alg: str
    private_key: ec.EllipticCurvePrivateKey = field(repr=False)


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that was just made, before its private half is sealed (`secret`: PKCS#8 DER, or the HMAC key)."""

    kid: str
    purpose: Purpose
    alg: str
    secret: bytes = field(repr=False)
    public_jwk: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class KeyRing:
    """All entries at one time. `outlives` says for each purpose how many seconds its products may live."""

    entries: tuple[KeyEntry, ...]
    outlives: Mapping[Purpose, int]

    def active(self, purpose: Purpose, now: int) -> KeyEntry | None:
        """The entry that signs for `purpose` now."""
        begun = [entry for entry in self._of(purpose) if entry.signs_from <= now]
        return begun[-1] if begun else None

    def usable(self, purpose: Purpose, now: int) -> tuple[KeyEntry, ...]:
        """Every entry of `purpose` that is not gone: pending, active and retired, oldest first."""
        entries = self._of(purpose)
        successors = [*entries[1:], None]
        lifetime = self.outlives[purpose]
        return tuple(
            entry
            for entry, successor in zip(entries, successors, strict=True)
            if successor is None or now < successor.signs_from + lifetime
        )

    def jwk_set(self, now: int) -> dict[str, list[dict[str, str]]]:
        """The JWK Set document (RFC 7517 §5)."""
        usable = self.usable(Purpose.ACCESS_TOKEN, now)
        return {"keys": [dict(entry.public_jwk) for entry in usable if entry.public_jwk is not None]}

    def _of(self, purpose: Purpose) -> list[KeyEntry]:
        mine = (entry for entry in self.entries if entry.purpose is purpose)
        return sorted(mine, key=lambda entry: (entry.signs_from, entry.kid))


def new_signing_key() -> NewKey:
    """An ES256 key pair (RFC 7518 §3.4); its key id is the thumbprint of the public half (RFC 7638)."""
    private_key = ec.generate_private_key(ec.SECP256R1())
    numbers = private_key.public_key().public_numbers()
    required = {
        "crv": "P-256",
        "kty": "EC",
        "x": base64url.encode(numbers.x.to_bytes(32, "big")),
        "y": base64url.encode(numbers.y.to_bytes(32, "big")),
    }
    kid = _thumbprint(required)
    secret = private_key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    public_jwk = {**required, "use": "sig", "alg": "ES256", "kid": kid}
    return NewKey(kid, Purpose.ACCESS_TOKEN, "ES256", secret, MappingProxyType(public_jwk))


def new_hmac_key(kid: bytes, secret: bytes) -> NewKey:
    """A key for refresh tokens, from 4 random bytes for its id and 32 for the key."""
    return NewKey(kid.hex(), Purpose.REFRESH_TOKEN, "HS256", secret)


def signing_key(entry: KeyEntry, secret: bytes) -> SigningKey:
    """The key of `entry`, built once from its unsealed PKCS#8 DER."""
    private_key = load_der_private_key(secret, password=None)
    if not isinstance(private_key, ec.EllipticCurvePrivateKey):
        raise TypeError(f"key {entry.kid} is not an elliptic curve key")
    return SigningKey(entry.kid, entry.alg, private_key)


def hmac_key(entry: KeyEntry, secret: bytes) -> HmacKey:
    """The key of `entry`, derived from its unsealed secret for its purpose alone (RFC 5869)."""
    derive = HKDF(algorithm=SHA256(), length=HMAC_KEY_BYTES, salt=None, info=f"gatehouse {entry.purpose}".encode())
    return HmacKey(entry.kid, derive.derive(secret))


def _thumbprint(required: Mapping[str, str]) -> str:
    canonical = json.dumps(required, sort_keys=True, separators=(",", ":"))
    return base64url.encode(hashlib.sha256(canonical.encode()).digest())
