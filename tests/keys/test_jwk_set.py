"""The gate's key set: what is read, when it is fetched, and that no failure ever empties it."""

import json
from math import isqrt, prod

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from chalicelib import base64url
from chalicelib.keys import jwk_set
from chalicelib.keys.jwk_set import parse_jwk_set
from tests.support.token_forge import KEYS, Json, public_jwk, without

EC, ED, RSA = (public_jwk(kid) for kid in ("ec", "ed", "rsa"))
URI = "https://auth.example.com/.well-known/jwks.json"


def document(*keys: object) -> bytes:
    return json.dumps({"keys": keys}).encode()


# --- Reading


def test_every_kind_of_key() -> None:
    keys = parse_jwk_set(document(EC, ED, RSA))
    assert {kid: key.alg for kid, key in keys.items()} == {"ec": "ES256", "ed": "EdDSA", "rsa": "RS256"}
    assert all(keys[kid].key == KEYS[kid].key for kid in KEYS)


def test_ed25519_is_kept_as_it_is_written() -> None:
    assert parse_jwk_set(document(ED | {"alg": "Ed25519"}))["ed"].alg == "Ed25519"


@pytest.mark.parametrize("more", [{}, {"use": "sig"}, {"key_ops": ["verify"]}, {"key_ops": ["sign", "verify"]}])
def test_use_and_key_ops_may_be_left_out(more: Json) -> None:
    bare = without(without(EC, "use"), "key_ops")
    assert set(parse_jwk_set(document(bare | more))) == {"ec"}


def stray(value: object) -> str:
    """The same number in another spelling: the low bits of the last letter changed."""
    text = str(value)
    return text[:-1] + chr(ord(text[-1]) + 1)


def _rsa_jwk(bits: int, e: int = 65537) -> Json:
    n = rsa.generate_private_key(65537, bits).public_key().public_numbers().n
    return RSA | {"n": number(n), "e": number(e)}


def number(value: int) -> str:
    return base64url.encode(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def _roca() -> int:
    """A modulus as the library of CVE-2017-15361 made them: its factors are powers of 65537 modulo a primorial."""
    product = prod(SMALL_PRIMES)
    first, second = (1 << 1024 - product.bit_length()) * product, (5 << 1021 - product.bit_length()) * product
    return (first + pow(65537, 12_345, product)) * (second + pow(65537, 67_890, product))


SMALL_PRIMES = [
    number for number in range(2, 168) if all(number % divisor for divisor in range(2, isqrt(number) + 1))
]
# The five y of the points of order 1, 2, 4 and 8, and those that are y + p, each with either sign of x.
P = 2**255 - 19
ORDER_8 = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
SMALL_ORDER = [y | sign for y in (0, 1, P - 1, ORDER_8, P - ORDER_8, P, P + 1) for sign in (0, 1 << 255)]

P384 = ec.derive_private_key(7, ec.SECP384R1()).public_key().public_numbers()
UNUSABLE: dict[str, object] = {
    "not an object": "ec",
    "no kid": without(EC, "kid"),
    "empty kid": EC | {"kid": ""},
    "kid is a number": EC | {"kid": 7},
    "no alg": without(EC, "alg"),
    "alg is a list": EC | {"alg": ["ES256"]},
    "another alg": EC | {"alg": "ES384"},
    "alg of an HMAC": EC | {"alg": "HS256"},
    "alg of another kty": EC | {"alg": "RS256"},
    "another curve": EC | {"crv": "P-384"},
    "P-384 as P-256": EC | {"x": number(P384.x), "y": number(P384.y)},
    "no crv": without(EC, "crv"),
    "no x": without(EC, "x"),
    "x is a number": EC | {"x": 7},
    "x padded": EC | {"x": f"{EC['x']}="},
    "x with stray bits": EC | {"x": stray(EC["x"])},
    "not on the curve": EC | {"y": EC["x"]},
    "x one octet longer": EC | {"x": base64url.encode(b"\x00" + base64url.decode(str(EC["x"])))},
    "for encryption": EC | {"use": "enc"},
    "use is null": EC | {"use": None},
    "key_ops without verify": EC | {"key_ops": ["sign"]},
    "key_ops no list": EC | {"key_ops": "verify"},
    "private": EC | {"d": EC["x"]},
    "symmetric": {"kty": "oct", "kid": "ec", "alg": "HS256", "k": "AAAA"},
    "symmetric in disguise": EC | {"k": "AAAA"},
    "RSA by another kty": RSA | {"kty": "EC"},
    "RSA of 1024 bits": _rsa_jwk(1024),
    "RSA with exponent 3": RSA | {"e": number(3)},
    "RSA with an even exponent": RSA | {"e": number(65538)},
    "RSA without n": without(RSA, "n"),
    "Ed25519 of 31 octets": ED | {"x": base64url.encode(bytes(31))},
    "Ed448": ED | {"crv": "Ed448"},
    "X25519": ED | {"crv": "X25519"},
    "RSA of CVE-2017-15361": RSA | {"n": number(_roca())},
    **{
        f"Ed25519 of small order {y:x}": ED | {"x": base64url.encode(y.to_bytes(32, "little"))}
        for y in SMALL_ORDER
    },
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_an_unusable_key_is_passed_over(name: str) -> None:
    good = RSA | {"kid": "good"}
    assert set(parse_jwk_set(document(UNUSABLE[name], good))) == {"good"}


def test_they_are_the_points_of_small_order() -> None:
    """By the curve itself, -x² + y² = 1 + dx²y²: y after three doublings is 1, the neutral point's."""
    d = -121665 * pow(121666, -1, P) % P
    for y in {encoded % (1 << 255) % P for encoded in SMALL_ORDER}:
        for _ in range(3):
            x_squared = (y * y - 1) * pow(d * y * y + 1, -1, P) % P
            y = (y * y + x_squared) * pow(1 - d * x_squared * y * y, -1, P) % P  # noqa: PLW2901
        assert y == 1


def test_the_fingerprint_has_each_small_prime_that_tells_anything() -> None:
    """The order of 65537 by counting; where it makes every number, it tells nothing."""
    orders = {}
    for prime in SMALL_PRIMES[1:]:
        powers = {pow(65537, exponent, prime) for exponent in range(prime)}
        if len(powers) < prime - 1:
            orders[prime] = len(powers)
    assert dict(jwk_set._ROCA_ORDERS) == orders


def test_a_sound_key_has_no_fingerprint_of_a_weak_one() -> None:
    n = _roca()
    assert jwk_set._is_roca(n)
    assert not jwk_set._is_roca(n + 2)
    assert not any(
        jwk_set._is_roca(rsa.generate_private_key(65537, 2048).public_key().public_numbers().n) for _ in range(3)
    )


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"<html>",
        b"null",
        b"[]",
        b"{}",
        b'{"keys": null}',
        b'{"keys": {}}',
        b"\xff",
        b"[" * 60_000,
        json.dumps({"keys": [EC]}).encode("utf-16"),
        document(),
        document(UNUSABLE["private"]),
        document(EC, EC),
        document(EC, RSA | {"kid": "ec"}),
    ],
)
def test_what_is_no_jwk_set(broken: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 — of whatever kind
        parse_jwk_set(broken)
