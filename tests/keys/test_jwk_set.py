"""The gate's key set: what is read, when it is fetched, and that no failure ever empties it."""

import json
import threading
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib import base64url
from chalicelib.keys.jwk_set import KeysUnavailableError, RemoteJwkSet, parse_jwk_set
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


def stray(value: object) -> str:
    """The same number in another spelling: the low bits of the last letter changed."""
    text = str(value)
    return text[:-1] + chr(ord(text[-1]) + 1)


def _rsa_jwk(bits: int, e: int = 65537) -> Json:
    n = rsa.generate_private_key(65537, bits).public_key().public_numbers().n
    return RSA | {"n": number(n), "e": number(e)}


def number(value: int) -> str:
    return base64url.encode(value.to_bytes((value.bit_length() + 7) // 8, "big"))


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
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_an_unusable_key_is_passed_over(name: str) -> None:
    good = RSA | {"kid": "good"}
    assert set(parse_jwk_set(document(UNUSABLE[name], good))) == {"good"}


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


# --- Keeping


class Issuer:
    """What is published, or the error that comes instead; a clock; and how often it was asked, and when."""

    def __init__(self, *keys: object) -> None:
        self.answer: bytes | Exception = document(*keys)
        self.now = 1_800_000_000.0
        self.asked: list[float] = []
        self.keys = RemoteJwkSet(URI, self.fetch, lambda: self.now)

    def fetch(self, uri: str) -> bytes:
        assert uri == URI
        self.asked.append(self.now)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def has(self, kid: str) -> bool:
        return self.keys.key(kid) is not None


def test_the_first_key_is_fetched_and_kept() -> None:
    issuer = Issuer(EC)
    assert not issuer.asked
    assert [issuer.has("ec") for _ in range(3)] == [True] * 3
    assert len(issuer.asked) == 1


def test_a_flood_of_unknown_kids_makes_one_fetch_in_ten_seconds() -> None:
    issuer = Issuer(EC)
    for step in range(2000):
        issuer.now = 1_800_000_000 + step / 100
        assert not issuer.has(f"unknown-{step}")
    assert issuer.asked == [1_800_000_000, 1_800_000_010]


@given(
    st.lists(st.tuples(st.floats(0, 400), st.sampled_from(["ec", "rsa", "no"]), st.integers(0, 3)), max_size=60)
)
@settings(max_examples=100, deadline=None)
def test_never_two_fetches_in_ten_seconds_and_never_empty_again(steps: list[tuple[float, str, int]]) -> None:
    issuer = Issuer(EC)
    answers: list[bytes | Exception] = [document(EC), document(RSA), b"broken", TimeoutError()]
    fetched = False
    for pause, kid, answer in steps:
        issuer.now += pause
        issuer.answer = answers[answer]
        try:
            issuer.keys.key(kid)
            fetched = True
        except KeysUnavailableError:
            assert not fetched
    assert all(later - sooner >= 10 for sooner, later in zip(issuer.asked, issuer.asked[1:], strict=False))


def test_a_rotated_key_appears_at_once_and_a_removed_one_goes() -> None:
    issuer = Issuer(EC)
    assert issuer.has("ec")
    issuer.answer, issuer.now = document(RSA), issuer.now + 10
    assert issuer.has("rsa")
    assert not issuer.has("ec")


def test_a_removed_key_goes_at_max_age() -> None:
    issuer = Issuer(EC, RSA)
    assert issuer.has("ec")
    issuer.answer, issuer.now = document(RSA), issuer.now + 299
    assert issuer.has("ec")
    issuer.now += 1
    assert not issuer.has("ec")
    assert len(issuer.asked) == 2


FAILURES = [TimeoutError(), ConnectionRefusedError(), ValueError(), b"", b"<html>", document(), document(EC, EC)]


@pytest.mark.parametrize("failure", FAILURES, ids=repr)
def test_a_failed_fetch_keeps_the_keys_ghsa_fhv5_28vv_h8m8(failure: bytes | Exception) -> None:
    issuer = Issuer(EC)
    assert issuer.has("ec")
    issuer.answer = failure
    for _ in range(5):
        issuer.now += 3600  # past max age, again and again
        assert not issuer.has("unknown")
        assert issuer.has("ec")
    assert len(issuer.asked) == 6
    issuer.answer, issuer.now = document(RSA), issuer.now + 10
    assert issuer.has("rsa")


@pytest.mark.parametrize("failure", FAILURES, ids=repr)
def test_without_a_single_fetch_nobody_gets_in(failure: bytes | Exception) -> None:
    issuer = Issuer()
    issuer.answer = failure
    for _ in range(3):
        with pytest.raises(KeysUnavailableError) as unavailable:
            issuer.keys.key("ec")
        assert unavailable.value.retry_after == 10
    assert len(issuer.asked) == 1
    issuer.answer, issuer.now = document(EC), issuer.now + 10
    assert issuer.has("ec")


def test_a_clock_set_back_stops_nothing() -> None:
    issuer = Issuer(EC)
    assert issuer.has("ec")
    issuer.answer, issuer.now = document(RSA), issuer.now - 86_400
    assert issuer.has("rsa")


def in_threads(count: int, work: Callable[[], object]) -> list[threading.Thread]:
    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    return threads


class SlowIssuer(Issuer):
    """Its answer comes when `answering` is set; `asking` says that a fetch is under way."""

    def __init__(self, *keys: object) -> None:
        super().__init__(*keys)
        self.asking, self.answering = threading.Event(), threading.Event()

    def fetch(self, uri: str) -> bytes:
        answer = super().fetch(uri)
        self.asking.set()
        assert self.answering.wait(10)
        return answer


def test_threads_wait_for_the_first_fetch_and_make_one() -> None:
    issuer = SlowIssuer(EC)
    found: list[bool] = []
    threads = in_threads(8, lambda: found.append(issuer.has("ec")))
    assert issuer.asking.wait(10)
    assert not found
    issuer.answering.set()
    for thread in threads:
        thread.join(10)
    assert found == [True] * 8
    assert len(issuer.asked) == 1


def test_threads_go_on_with_the_keys_there_are() -> None:
    issuer = SlowIssuer(EC)
    issuer.answering.set()
    assert issuer.has("ec")
    issuer.asking.clear()
    issuer.answering.clear()
    issuer.answer, issuer.now = document(RSA), issuer.now + 300
    found: list[bool] = []
    (fetching,) = in_threads(1, lambda: found.append(issuer.has("ec")))
    assert issuer.asking.wait(10)
    issuer.now += 300  # that fetch is long under way, and a further one would be due
    assert issuer.has("ec")
    assert not issuer.has("unknown")
    issuer.answering.set()
    fetching.join(10)
    assert found == [False]
    assert len(issuer.asked) == 2
