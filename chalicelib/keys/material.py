"""Keys themselves: making them, and building them from what was sealed, once for each container."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
)

from chalicelib import base64url
from chalicelib.keys.ring import KeyEntry, Purpose

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | Ed25519PrivateKey

HMAC_ALG = "HS256"
HMAC_KEY_BYTES = 32
HMAC_KID_BYTES = 4
_RSA_BITS = 2048  # RFC 7518 §3.3: at least


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key built once, ready to sign."""

    kid: str
    alg: str
    private_key: PrivateKey = field(repr=False)


@dataclass(frozen=True, slots=True)
class HmacKey:
    """A key that authenticates refresh tokens. `kid` is 8 hexadecimal digits, `key` is 32 bytes."""

    kid: str
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that was just made, before its private half is sealed (`secret`: PKCS#8 DER, or the HMAC key)."""

    kid: str
    purpose: Purpose
    alg: str
    secret: bytes = field(repr=False)
    public_jwk: Mapping[str, str] | None = None


def new_signing_key(alg: str = "ES256", purpose: Purpose = Purpose.ACCESS_TOKEN) -> NewKey:
    """A key pair for `alg`: ES256, RS256 or EdDSA. Its key id is the thumbprint of the public half (RFC 7638)."""
    private_key, required = _MAKERS[alg]()
    kid = thumbprint(required)
    if kid.startswith("-"):  # one in 64, which a command line would take for an option
        return new_signing_key(alg, purpose)
    secret = private_key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    public_jwk = {**required, "use": "sig", "alg": alg, "kid": kid}
    return NewKey(kid, purpose, alg, secret, MappingProxyType(public_jwk))


def new_hmac_key(kid: bytes, secret: bytes) -> NewKey:
    """A key for refresh tokens, from 4 random bytes for its id and 32 for the key."""
    return NewKey(kid.hex(), Purpose.REFRESH_TOKEN, HMAC_ALG, secret)


def signing_key(entry: KeyEntry, secret: bytes) -> SigningKey:
    """The key of `entry`, from its unsealed PKCS#8 DER."""
    private_key = load_der_private_key(secret, password=None)
    if not isinstance(private_key, PrivateKey):
        raise TypeError(f"key {entry.kid} is of no kind that signs here")
    return SigningKey(entry.kid, entry.alg, private_key)


def hmac_key(entry: KeyEntry, secret: bytes) -> HmacKey:
    """The key of `entry`, derived from its unsealed secret for its purpose alone (RFC 5869)."""
    info = f"gatehouse {entry.purpose}".encode()
    return HmacKey(entry.kid, HKDF(SHA256(), HMAC_KEY_BYTES, salt=None, info=info).derive(secret))


def _es256() -> tuple[PrivateKey, dict[str, str]]:
    private_key = ec.generate_private_key(ec.SECP256R1())
    point = private_key.public_key().public_numbers()
    return private_key, {"crv": "P-256", "kty": "EC", "x": _number(point.x, 32), "y": _number(point.y, 32)}


def _rs256() -> tuple[PrivateKey, dict[str, str]]:
    private_key = rsa.generate_private_key(public_exponent=65537, key_size=_RSA_BITS)
    numbers = private_key.public_key().public_numbers()
    return private_key, {"e": _number(numbers.e, 3), "kty": "RSA", "n": _number(numbers.n, _RSA_BITS // 8)}


def _eddsa() -> tuple[PrivateKey, dict[str, str]]:
    private_key = Ed25519PrivateKey.generate()
    public = private_key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return private_key, {"crv": "Ed25519", "kty": "OKP", "x": base64url.encode(public)}


# ES256 signs 14 times faster than RS256 and loads at once; API Gateway's HTTP APIs verify RSA alone.
_MAKERS: Mapping[str, Callable[[], tuple[PrivateKey, dict[str, str]]]] = {
    "ES256": _es256,
    "RS256": _rs256,
    "EdDSA": _eddsa,
}
SIGNING_ALGORITHMS = frozenset(_MAKERS)


def _number(value: int, octets: int) -> str:
    return base64url.encode(value.to_bytes(octets, "big"))


def thumbprint(required: Mapping[str, str]) -> str:
    """The SHA-256 thumbprint (RFC 7638 §3) of a JWK that has its `required` members alone, as base64url."""
    # In the order of their names, without white space.
    canonical = json.dumps(required, sort_keys=True, separators=(",", ":"))
    return base64url.encode(hashlib.sha256(canonical.encode()).digest())
