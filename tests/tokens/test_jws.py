"""The strict JWS by itself: any payload, and the types that the caller accepts."""

import json
from collections.abc import Callable

import pytest

from chalicelib import base64url
from chalicelib.errors import InvalidTokenError
from chalicelib.tokens import jws
from tests.support.forged_signatures import SIGNERS, genuine
from tests.support.token_forge import HEADER, KEYS, token

ACCESS_TOKENS, PROOFS = frozenset({"at+jwt"}), frozenset({"dpop+jwt"})


def test_the_payload_is_any_object() -> None:
    assert jws.verify(token(claims={"htm": "GET"}), KEYS.get, ACCESS_TOKENS) == ("ec", {"htm": "GET"})


def test_a_type_is_refused_where_another_is_wanted_though_its_header_was_read_before() -> None:
    proof = token(HEADER | {"typ": "dpop+jwt"})
    assert jws.verify(proof, KEYS.get, PROOFS)[0] == HEADER["kid"]
    with pytest.raises(InvalidTokenError) as refusal:
        jws.verify(proof, KEYS.get, ACCESS_TOKENS)
    assert refusal.value.detail == "typ is missing or not the one wanted"


def test_the_limits_are_those_that_issuers_count_on() -> None:
    limits = jws.MAX_LENGTH, jws.MAX_KID_LENGTH, jws.MAX_HEADER_LENGTH, jws.MAX_BRACKETS, jws.MAX_COMMAS
    assert limits == (8192, 128, 1024, 128, 512)


def test_the_longest_header() -> None:
    def padded(octets: int) -> str:
        bare = len(json.dumps(HEADER | {"x": ""}))
        return token(HEADER | {"x": "x" * (octets - bare)})

    assert len(padded(768).partition(".")[0]) == 1024
    assert jws.verify(padded(768), KEYS.get, ACCESS_TOKENS)[0] == "ec"
    with pytest.raises(InvalidTokenError) as refusal:
        jws.verify(padded(769), KEYS.get, ACCESS_TOKENS)
    assert refusal.value.detail == "the header is missing or too long"


@pytest.mark.parametrize("kid", SIGNERS)
@pytest.mark.parametrize("change", [lambda octets: octets + b"\0", lambda octets: octets[1:], lambda _: b""])
def test_a_signature_of_another_length_is_none(kid: str, change: Callable[[bytes], bytes]) -> None:
    start, _, signature = genuine(kid).rpartition(".")
    changed = base64url.encode(change(base64url.decode(signature)))
    with pytest.raises(InvalidTokenError) as refusal:
        jws.verify(f"{start}.{changed}", KEYS.get, ACCESS_TOKENS)
    assert refusal.value.detail == "the signature has the wrong length"


def test_white_space_around_the_payload_is_refused() -> None:
    jws.verify(token(claims='{"a": 1}'), KEYS.get, ACCESS_TOKENS)
    for payload in (' {"a": 1}', '{"a": 1}\n'):
        with pytest.raises(InvalidTokenError) as refusal:
            jws.verify(token(claims=payload), KEYS.get, ACCESS_TOKENS)
        assert refusal.value.detail == "a segment is not one JSON object"
