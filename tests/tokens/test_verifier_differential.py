"""PyJWT is the oracle: what the strict verifier accepts, PyJWT accepts under the same rules and reads the same.

Where PyJWT has no option for a rule, the oracle states it in plain Python, from the RFCs and not from `verify`.
"""

import base64
import json
import math
import re
from collections.abc import Iterable
from datetime import UTC, datetime, tzinfo
from unittest.mock import patch

import jwt
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.errors import InvalidTokenError
from chalicelib.tokens.access_token_verifier import AccessTokenClaims
from tests.support.hostile_tokens import hostile_tokens
from tests.support.token_forge import (
    AUDIENCE,
    CLAIMS,
    ED_KEY,
    HEADER,
    ISSUER,
    KEYS,
    NOW,
    RSA_KEY,
    Json,
    accepted,
    es256,
    segment,
    token,
)

SKEW = 60
REQUIRED = ["iss", "sub", "aud", "exp", "iat", "jti", "client_id", "scope"]


class Now(datetime):
    """PyJWT's clock, stopped at `NOW`."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> "Now":
        return cls.fromtimestamp(NOW, tz or UTC)


def oracle(token: str) -> Json:
    """The claims that PyJWT reads; raises where it or one of our further rules refuses."""
    header = jwt.get_unverified_header(token)
    key = KEYS[header["kid"]]
    with patch("jwt.api_jwt.datetime", Now):
        claims: Json = jwt.decode(
            token,
            key.key,
            algorithms=[key.alg],
            issuer=ISSUER,
            audience=AUDIENCE,
            leeway=SKEW,
            options={"require": REQUIRED},
        )
    assert len(token) <= 8192
    segments = token.split(".")
    for part in segments:
        assert base64.urlsafe_b64encode(_bytes(part)).decode().rstrip("=") == part
    for part in segments[:2]:
        json.loads(_bytes(part).decode("utf-8"), object_pairs_hook=_once, parse_constant=_never)
    _header_rules(header)
    _claim_rules(claims)
    return claims


def _bytes(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _once(pairs: list[tuple[str, object]]) -> Json:
    assert len({name for name, _ in pairs}) == len(pairs)
    return dict(pairs)


def _never(constant: str) -> None:
    raise AssertionError(constant)


def _header_rules(header: Json) -> None:
    assert re.fullmatch("(application/)?at[+]jwt", str(header["typ"]), re.IGNORECASE)
    assert not {"crit", "jku", "jwk", "x5u", "x5c", "b64", "zip", "cty", "enc"} & set(header)
    assert 1 <= len(str(header["kid"])) <= 128


def _claim_rules(claims: Json) -> None:
    for name in ("exp", "iat", *({"nbf", "session_epoch"} & set(claims))):
        value = claims[name]
        assert isinstance(value, int)
        assert not isinstance(value, bool)
        assert value >= 0
    for name in ("sub", "jti", "client_id", *({"sid", "preferred_username"} & set(claims))):
        assert isinstance(claims[name], str)
        assert claims[name]
    exp, scope = claims["exp"], claims["scope"]
    assert isinstance(exp, int)
    assert NOW < exp < 253402300800
    assert isinstance(scope, str)
    assert re.fullmatch(r"([!#-\[\]-~]+( [!#-\[\]-~]+)*)?", scope)
    assert all(_sound(value) for value in claims.values())


def _sound(value: object) -> bool:
    """Whether every number is finite and of 64 bits or so, and every text can be written as UTF-8."""
    if isinstance(value, dict):
        return all(_sound(part) for pair in value.items() for part in pair)
    if isinstance(value, list):
        return all(_sound(part) for part in value)
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, str):
        value.encode("utf-8")
    return not isinstance(value, int) or abs(value) < 10**20


def said(claims: AccessTokenClaims) -> Json:
    """The claims as the token had them, but for `aud` and `nbf`."""
    optional = {name: getattr(claims, name) for name in ("sid", "preferred_username", "session_epoch")}
    return {
        "iss": claims.iss,
        "sub": claims.sub,
        "exp": claims.exp,
        "iat": claims.iat,
        "jti": claims.jti,
        "client_id": claims.client_id,
        "scope": claims.scope,
        **{name: value for name, value in optional.items() if value is not None},
        **json.loads(json.dumps(claims.custom, default=dict)),
    }


def written(claims: Json) -> str:
    """A form in which 1, 1.0 and true differ."""
    return json.dumps(claims, sort_keys=True, default=lambda scope: sorted(scope))


def agree(token: str) -> bool:
    """Whether the verifier accepts `token`; then the oracle does too, with the same claims.

    Whatever else than `InvalidTokenError` the verifier raises, fails the test.
    """
    try:
        ours = accepted(token)
    except InvalidTokenError:
        return False
    theirs = oracle(token)
    assert ours.aud == AUDIENCE
    assert AUDIENCE in (theirs["aud"] if isinstance(theirs["aud"], list) else [theirs["aud"]])
    scope = frozenset(str(theirs["scope"]).split())
    expected = {name: value for name, value in theirs.items() if name not in ("aud", "nbf")} | {"scope": scope}
    assert written(said(ours)) == written(expected)
    return True


def signed_by(kid: str, claims: Json) -> str:
    """A token whose header is right and whose signature holds."""
    start = f"{segment({'typ': 'at+jwt', 'alg': KEYS[kid].alg, 'kid': kid})}.{segment(claims)}"
    signed = start.encode()
    signatures = {
        "ec": lambda: es256(signed),
        "rsa": lambda: RSA_KEY.sign(signed, PKCS1v15(), hashes.SHA256()),
        "ed": lambda: ED_KEY.sign(signed),
    }
    return f"{start}.{segment(signatures[kid]())}"


# --- What tokens are made of

scalars = st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats() | st.text(max_size=12)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
sound_values = values.filter(_sound)
custom_names = st.text(min_size=1, max_size=8).filter(lambda name: name not in (*CLAIMS, "nbf"))
words = st.text(min_size=1, max_size=20)
right_claims = st.fixed_dictionaries(
    {
        "iss": st.just(ISSUER),
        "aud": st.just(AUDIENCE) | st.lists(words, max_size=2).map(lambda others: [*others, AUDIENCE]),
        "exp": st.integers(NOW + 1, 253402300799),
        "iat": st.integers(0, NOW + SKEW),
        "scope": st.lists(st.sampled_from(["a", "b:c", "!", "~"]), max_size=3).map(" ".join),
        **dict.fromkeys(("sub", "jti", "client_id"), words),
    },
    optional={
        "nbf": st.integers(0, NOW + SKEW),
        "sid": words,
        "preferred_username": words,
        "session_epoch": st.integers(0, 2**63),
    },
)
near = st.sampled_from([NOW - 1, NOW, NOW + 1, NOW + 60, NOW + 61, str(NOW + 9), NOW + 9.0, 0, -1, True, 10**12])
near_names = st.sampled_from([ISSUER, AUDIENCE, [AUDIENCE], [AUDIENCE, 1], AUDIENCE + "/", "", "a b", "a  b"])
wild_values = near | near_names | values
PIECES = [*HEADER, *map(str, HEADER.values()), "crit", "jwk", "\u0130", "none"]


# --- The properties


@given(st.sampled_from(sorted(KEYS)), right_claims, st.dictionaries(custom_names, sound_values, max_size=3))
@settings(max_examples=150, deadline=None)
def test_right_tokens_are_accepted(kid: str, claims: Json, custom: Json) -> None:
    assert agree(signed_by(kid, claims | custom))


@given(st.dictionaries(st.sampled_from([*CLAIMS, "nbf", "admin"]), wild_values, min_size=1, max_size=3))
@settings(max_examples=400, deadline=None)
def test_wild_claims(changes: Json) -> None:
    agree(token(claims=CLAIMS | changes))


@given(st.sets(st.sampled_from(sorted(CLAIMS)), max_size=3))
@settings(max_examples=50, deadline=None)
def test_claims_left_out(missing: set[str]) -> None:
    complete = missing <= {"sid", "preferred_username", "session_epoch"}
    assert agree(token(claims={name: CLAIMS[name] for name in CLAIMS if name not in missing})) == complete


@given(st.dictionaries(st.sampled_from([*PIECES, "x"]), st.sampled_from(PIECES) | values, min_size=1, max_size=3))
@settings(max_examples=300, deadline=None)
def test_wild_headers(changes: Json) -> None:
    agree(token(HEADER | changes))


def edited(text: str, edits: Iterable[tuple[int, int, str]]) -> str:
    """`text` with each edit (where, how much of it goes, what comes instead) made in turn."""
    for place, gone, instead in edits:
        at = place % (len(text) + 1)
        text = text[:at] + instead + text[at + gone :]
    return text


def edits(alphabet: st.SearchStrategy[str]) -> st.SearchStrategy[list[tuple[int, int, str]]]:
    edit = st.tuples(st.integers(0, 600), st.integers(0, 3), alphabet)
    return st.lists(edit, min_size=1, max_size=3)


notations = st.sampled_from(
    [*'{}[]":,\\ \n0123456789.eE-+', '"a":1,', "NaN", "1e999", "\\u0000", "\\ud83d", "true", "é"]
)


@given(edits(notations), st.booleans())
@settings(max_examples=400, deadline=None)
def test_wild_json(changes: list[tuple[int, int, str]], in_header: bool) -> None:
    if in_header:
        agree(token(header=edited(json.dumps(HEADER), changes)))
    else:
        agree(token(claims=edited(json.dumps(CLAIMS), changes)))


@given(edits(st.sampled_from([*"AQgwz09-_+/=. \n", "", "\u0661", "\x00"])))
@settings(max_examples=300, deadline=None)
def test_wild_segments(changes: list[tuple[int, int, str]]) -> None:
    good = token()
    changed = edited(good, changes)
    assert agree(changed) == (changed == good)


@given(st.lists(st.sampled_from([*token().split("."), ".", "..", "", "e30", "AAAA"]), max_size=7))
@settings(max_examples=200, deadline=None)
def test_pieces_put_together(pieces: list[str]) -> None:
    agree("".join(pieces))
    agree(".".join(pieces))


@given(st.text() | st.text("eyJhbGciOiJ9._-", max_size=60))
@settings(max_examples=200, deadline=None)
def test_any_text(text: str) -> None:
    assert not agree(text)


def test_the_whole_hostile_corpus() -> None:
    assert [name for name, hostile in hostile_tokens().items() if agree(hostile)] == []


@pytest.mark.parametrize(
    "name", ["meaning/exp 1800000000", "claims/sub twice", "header/crit", "json/claims NaN inside"]
)
def test_the_oracle_refuses_too(name: str) -> None:
    with pytest.raises((jwt.PyJWTError, AssertionError)):
        oracle(hostile_tokens()[name])
