"""The strict JWS by itself: any payload, and the types that the caller accepts."""

import pytest

from chalicelib.errors import InvalidTokenError
from chalicelib.tokens import jws
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


def test_white_space_around_the_payload_is_refused() -> None:
    jws.verify(token(claims='{"a": 1}'), KEYS.get, ACCESS_TOKENS)
    for payload in (' {"a": 1}', '{"a": 1}\n'):
        with pytest.raises(InvalidTokenError) as refusal:
            jws.verify(token(claims=payload), KEYS.get, ACCESS_TOKENS)
        assert refusal.value.detail == "a segment is not one JSON object"
