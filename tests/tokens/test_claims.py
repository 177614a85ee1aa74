"""What a token may hold: what is issued, the gate accepts; what it would refuse is refused by name before."""

import json
import math
from collections.abc import Callable
from types import MappingProxyType
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from chalicelib.keys.jwk_set import PublicKey
from chalicelib.keys.material import SigningKey
from chalicelib.model import User
from chalicelib.services import Services, assemble
from chalicelib.settings import LONGEST_TEXT, SettingsError
from chalicelib.strict_json import MAX_INTEGER_LENGTH
from chalicelib.tokens.access_token import RESERVED_CLAIMS, AccessToken, issue
from chalicelib.tokens.access_token_verifier import LAST_SECOND, AccessTokenClaims, verify
from chalicelib.tokens.claims import (
    MAX_RECORD_BRACKETS,
    MAX_RECORD_COMMAS,
    MAX_RECORD_LENGTH,
    UnfitTokenError,
    check_record,
)
from chalicelib.tokens.jws import MAX_BRACKETS
from chalicelib.tokens.jws import MAX_LENGTH as MAX_TOKEN_LENGTH
from tests.support.token_forge import AUDIENCE, EC_KEY, ED_KEY, ISSUER, KEYS, NOW, RSA_KEY

REALM = (ISSUER, AUDIENCE)  # issuer and audience
SIGNING = [
    SigningKey("ec", "ES256", EC_KEY),
    SigningKey("rsa", "RS256", RSA_KEY),
    SigningKey("ed", "EdDSA", ED_KEY),
]
Claims = dict[str, Any]


def content(claims: Claims | None = None, scope: frozenset[str] = frozenset({"a"}), **more: Any) -> AccessToken:
    """What a token is to say, with what a stage's own values may be."""
    given: Claims = {"sub": "s" * 22, "client_id": "gatehouse", "jti": "j" * 22, "lifetime": 900, "sid": "i" * 22}
    given |= {"username": "demo", "session_epoch": 3} | more
    return AccessToken(scope=scope, claims=claims or {}, **given)


def accepted(token: AccessToken, key: SigningKey = SIGNING[0]) -> AccessTokenClaims:
    """What the gate reads in the token that is issued."""
    return verify(issue(token, *REALM, key, NOW), KEYS.get, issuer=ISSUER, audience=AUDIENCE, now=NOW)


def nested(depth: int) -> list[Any]:
    inner: list[Any] = []
    for _ in range(depth - 1):
        inner = [inner]
    return inner


def endless() -> list[Any]:
    loop: list[Any] = []
    loop.append(loop)
    return loop


# Each with a part of the limit's name.
OUTSIDE: dict[str, tuple[Callable[[], Claims], str]] = {
    "7,000 characters": (lambda: {"a": "x" * 7_000}, f"longer than {MAX_RECORD_LENGTH} characters"),
    "600 letters beyond ASCII": (lambda: {"a": "\u00e4" * 600}, f"longer than {MAX_RECORD_LENGTH} characters"),
    "520 commas": (lambda: {"a": "," * 520}, f"more than {MAX_RECORD_COMMAS} commas"),
    "600 members": (lambda: {"a": [1] * 600}, f"more than {MAX_RECORD_COMMAS} commas"),
    "128 brackets in a text": (lambda: {"a": "{" * 128}, f"more than {MAX_RECORD_BRACKETS} opening brackets"),
    "130 nested lists": (lambda: {"a": nested(130)}, "opening brackets"),
    "100,000 nested lists": (lambda: {"a": nested(100_000)}, "opening brackets"),
    "a list in itself": (lambda: {"a": endless()}, "opening brackets"),
    "23 digits": (lambda: {"a": [10**22]}, f"longer than {MAX_INTEGER_LENGTH} characters"),
    "21 characters with the sign": (lambda: {"a": -(10**19)}, f"longer than {MAX_INTEGER_LENGTH} characters"),
    "5,000 digits": (lambda: {"a": {"b": 10**5_000}}, f"longer than {MAX_INTEGER_LENGTH} characters"),
    "NaN": (lambda: {"a": [math.nan]}, "NaN"),
    "Infinity": (lambda: {"a": {"b": -math.inf}}, "infinite"),
    "half a surrogate": (lambda: {"a": "\ud800"}, "surrogate"),
    "the last half of a surrogate": (lambda: {"a": "\udfff"}, "surrogate"),
    "half a surrogate in a name": (lambda: {"a": {"\udc00": 1}}, "surrogate"),
    "a name that is a number": (lambda: {"a": {1: 1, "1": 2}}, "no string"),
    "bytes": (lambda: {"a": b"x"}, "bytes is no JSON"),
    "a set": (lambda: {"a": {1}}, "set is no JSON"),
}


def user(claims: Claims, scope: frozenset[str] = frozenset({"a"})) -> User:
    return User(
        sub="s1",
        username="someone",
        email=None,
        password_hash="x",
        scope=scope,
        claims=MappingProxyType(claims),
    )


@pytest.mark.parametrize("name", OUTSIDE)
def test_what_the_gate_would_refuse_is_refused_by_name_where_it_is_written(services: Services, name: str) -> None:
    make, limit = OUTSIDE[name]
    with pytest.raises(UnfitTokenError, match=limit):
        services.users.add(user(make()))


@pytest.mark.parametrize(
    ("scope", "limit"),
    [
        (frozenset(f"scope-number-{number:03}:read" for number in range(230)), "characters"),
        (frozenset({"a b"}), "scope"),
        (frozenset({'a"'}), "scope"),
        (frozenset({""}), "scope"),
        (frozenset({"{" * 60}), "brackets"),
    ],
)
def test_scopes_that_fit_into_no_token_are_refused_where_they_are_written(
    services: Services, scope: frozenset[str], limit: str
) -> None:
    with pytest.raises(UnfitTokenError, match=limit):
        services.users.add(user({}, scope))


def test_a_default_scope_that_fits_into_no_token_stops_the_start() -> None:
    scope = " ".join(f"scope-number-{number:03}:read" for number in range(230))
    with pytest.raises(SettingsError, match="GATEHOUSE_DEFAULT_SCOPE must fit into a token"):
        assemble({"GATEHOUSE_DEFAULT_SCOPE": scope})


@pytest.mark.parametrize(
    ("token", "limit"),
    [
        (content({"a": "x" * 5_900}), f"longer than {MAX_TOKEN_LENGTH} characters"),
        (content({"a": "," * 520}), "commas"),
        (content({"a": nested(MAX_BRACKETS)}), "opening brackets"),
        (content({"a": math.nan}), "NaN"),
        (content({"a": 10**22}), "integer"),
        (content({"a": "\ud800"}), "surrogate"),
        (content(sub=""), "sub is empty"),
        (content(sid=""), "sid is empty"),
        (content(username=""), "preferred_username is empty"),
        (content(client_id=""), "client_id is empty"),
        (content(jti=""), "jti is empty"),
        (content(session_epoch=-1), "session_epoch"),
        (content(lifetime=10**12), "exp"),
        (content(scope=frozenset({'"'})), "scope"),
    ],
)
def test_no_token_is_issued_that_the_gate_refuses(token: AccessToken, limit: str) -> None:
    with pytest.raises(UnfitTokenError, match=limit):
        issue(token, *REALM, SIGNING[0], NOW)


def test_the_limits_of_a_record_are_those_that_an_administrator_counts_on() -> None:
    assert (MAX_RECORD_LENGTH, MAX_RECORD_BRACKETS, MAX_RECORD_COMMAS, MAX_INTEGER_LENGTH) == (3072, 48, 400, 20)


def test_the_largest_numbers() -> None:
    assert accepted(content(session_epoch=10**20 - 1)).session_epoch == 10**20 - 1
    with pytest.raises(UnfitTokenError, match="session_epoch"):
        issue(content(session_epoch=10**20), *REALM, SIGNING[0], NOW)
    last = LAST_SECOND - NOW
    assert accepted(content(lifetime=last)).exp == LAST_SECOND
    with pytest.raises(UnfitTokenError, match="exp"):
        issue(content(lifetime=last + 1), *REALM, SIGNING[0], NOW)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=30),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=9), inner, max_size=5),
    max_leaves=40,
)
OWN = st.dictionaries(st.text(max_size=9).filter(lambda name: name not in RESERVED_CLAIMS), JSON, max_size=5)
SCOPES = st.frozensets(st.from_regex(r"[\x21\x23-\x5b\x5d-\x7e]{1,40}", fullmatch=True), max_size=30)


@settings(max_examples=200, deadline=None)
@given(OWN, SCOPES, st.sampled_from(SIGNING), st.text(max_size=70))
@example({"a": nested(100)}, frozenset(), SIGNING[0], "demo")
@example({"a": "," * 450}, frozenset(), SIGNING[1], "demo")
@example({"a": [10**19, -(10**18)]}, frozenset(), SIGNING[2], "demo")
def test_whatever_is_issued_is_accepted(
    own: Claims, scope: frozenset[str], key: SigningKey, username: str
) -> None:
    try:
        token = issue(content(own, scope, username=username), *REALM, key, NOW)
    except UnfitTokenError:
        assume(condition=False)
        raise
    read = verify(token, KEYS.get, issuer=ISSUER, audience=AUDIENCE, now=NOW)
    assert read.scope == scope
    assert read.preferred_username == username
    assert json.loads(json.dumps(dict(read.custom), default=dict)) == json.loads(json.dumps(own))


@settings(max_examples=200, deadline=None)
@given(OWN, SCOPES)
def test_whatever_may_be_written_fits_into_a_token(own: Claims, scope: frozenset[str]) -> None:
    try:
        check_record(own, scope)
    except UnfitTokenError:
        assume(condition=False)
    assert accepted(content(own, scope)).scope == scope


LARGEST = rsa.generate_private_key(65537, 4096)


@pytest.mark.parametrize(
    "letter", ["x", "\u00e4", "\U0001f600", "{", ","], ids=["ASCII", "two bytes", "astral", "bracket", "comma"]
)
def test_the_largest_record_fits_into_the_largest_token_of_any_stage(letter: str) -> None:
    own: dict[str, object] = {"a": ["x"] * (MAX_RECORD_COMMAS - 40), "b": nested(MAX_RECORD_BRACKETS - 3)}
    own["c"] = "y" * (MAX_RECORD_LENGTH - len(json.dumps({**own, "c": "", "scope": "a"}, separators=(",", ":"))))
    check_record(own, frozenset({"a"}))
    with pytest.raises(UnfitTokenError):
        check_record(own | {"c": f"{own['c']}y"}, frozenset({"a"}))
    issuer, audience = "https://" + "i" * (LONGEST_TEXT - 8), "a" * LONGEST_TEXT
    largest = content(own, username=letter * 64, client_id="c" * 128, session_epoch=10**18)
    kid = "k" * 43
    token = issue(largest, issuer, audience, SigningKey(kid, "RS256", LARGEST), NOW)
    keys = {kid: PublicKey(kid, "RS256", LARGEST.public_key())}
    assert verify(token, keys.get, issuer=issuer, audience=audience, now=NOW).sub == "s" * 22
