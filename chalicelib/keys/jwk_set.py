"""A JWK Set read (RFC 7517 §5): the public keys in it that may verify, by `kid`.

The gate's cold start pays for every import here, so there is only `cryptography`.
"""

import json
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

_P256_OCTETS = 32
_MIN_RSA_BITS = 2048  # RFC 7518 §3.3
_MIN_RSA_EXPONENT = 65537
# Keys of CVE-2017-15361 (ROCA) can be factored: their primes, and so n, are powers of 65537 modulo each of many
# small primes. Here each prime where few numbers are, with the order of 65537: a sound n passes all by one
# chance in 2^27.
_ROCA_ORDERS = (
    *((11, 2), (13, 6), (17, 8), (19, 9), (37, 3), (53, 26), (61, 20), (71, 35), (73, 24), (79, 13)),
    *((97, 6), (103, 51), (107, 53), (109, 54), (127, 42), (151, 50), (157, 78)),
)
_ED25519_PRIME = 2**255 - 19
_ED25519_Y = 2**255 - 1  # the bits of an encoded point that are y; the last is the sign of x (RFC 8032 §5.1.2)
# The y of the points of order 1, 2, 4 and 8 (two): under such a key one signature fits many messages.
_ED25519_ORDER_8 = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
_ED25519_SMALL_ORDER = frozenset(
    {1, _ED25519_PRIME - 1, 0, _ED25519_ORDER_8, _ED25519_PRIME - _ED25519_ORDER_8},
)


class PublicKey(NamedTuple):
    """A key that verifies, and the one `alg` that it does so with (RFC 8725 §3.1). Its `kid` is its name."""

    kid: str
    alg: str
    key: EllipticCurvePublicKey | RSAPublicKey | Ed25519PublicKey


JwkSet = Mapping[str, PublicKey]
_Jwk = Mapping[str, object]


def parse_jwk_set(document: bytes) -> JwkSet:
    """The usable keys of a JWK Set, by `kid`.

    A key that we can't use (another kind, no `kid` or `alg`, not for signatures, private, out of range, weak)
    is passed over (RFC 7517 §5). Raises `ValueError` for a document that is no JWK Set, for two usable keys with
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
    if n.bit_length() < _MIN_RSA_BITS or e < _MIN_RSA_EXPONENT or _is_roca(n):
        raise ValueError("a weak RSA key")
    return RSAPublicNumbers(e, n).public_key()


def _is_roca(n: int) -> bool:
    # A group that is cyclic has one subgroup of each order: the numbers whose power it makes 1.
    return all(pow(n, order, prime) == 1 for prime, order in _ROCA_ORDERS)


def _ed25519(jwk: _Jwk) -> Ed25519PublicKey:
    """RFC 8037 §2; `cryptography` checks the length. A point of small order is refused, however it is encoded."""
    _expect(jwk, kty="OKP", crv="Ed25519")
    x = _octets(jwk, "x")
    if (int.from_bytes(x, "little") & _ED25519_Y) % _ED25519_PRIME in _ED25519_SMALL_ORDER:
        raise ValueError("a point of small order")
    return Ed25519PublicKey.from_public_bytes(x)


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
