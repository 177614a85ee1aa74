"""What an access token says: the registered claims are this service's, whatever a record holds."""

import jwt
import pytest

from chalicelib.keys.material import SigningKey
from chalicelib.tokens.access_token import RESERVED_CLAIMS, AccessToken, issue
from tests.support.token_forge import AUDIENCE, EC_KEY, ISSUER, NOW

KEY = SigningKey("ec", "ES256", EC_KEY)
CLIENTS_OWN = AccessToken("sub", "client", frozenset({"a", "b"}), "jti", 900)
REGISTERED = {
    "iss": ISSUER,
    "aud": AUDIENCE,
    "sub": "sub",
    "client_id": "client",
    "iat": NOW,
    "exp": NOW + 900,
    "jti": "jti",
    "scope": "a b",
}


def said(token: AccessToken) -> dict[str, object]:
    signed = issue(token, ISSUER, AUDIENCE, KEY, NOW)
    assert jwt.get_unverified_header(signed) == {"typ": "at+jwt", "alg": "ES256", "kid": "ec"}
    claims: dict[str, object] = jwt.decode(signed, options={"verify_signature": False})
    return claims


def test_a_token_says_what_rfc_9068_asks_for_and_no_more() -> None:
    assert said(CLIENTS_OWN) == REGISTERED


def test_a_user_s_token_says_whose_it_is_and_of_which_session() -> None:
    token = AccessToken("sub", "client", frozenset({"a", "b"}), "jti", 900, "sid", "zoe", 0, {"plan": "pro"})
    more = {"sid": "sid", "preferred_username": "zoe", "session_epoch": 0, "plan": "pro"}
    assert said(token) == REGISTERED | more


RESERVED = (
    "iss sub aud exp nbf iat jti client_id scope auth_time acr amr groups roles entitlements cnf act may_act azp "
    "nonce events preferred_username sid session_epoch"
)


def test_these_claims_are_reserved() -> None:
    assert set(RESERVED.split()) == RESERVED_CLAIMS


@pytest.mark.parametrize("name", RESERVED.split())
def test_a_record_sets_no_reserved_claim(name: str) -> None:
    token = AccessToken("sub", "client", frozenset({"a", "b"}), "jti", 900, claims={name: "of the record", "x": 1})
    assert said(token) == REGISTERED | {"x": 1}
