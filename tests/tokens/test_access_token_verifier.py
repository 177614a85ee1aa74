"""The strict verifier: what it accepts, the edges of what it accepts, and the mistakes that others published."""

import json

import jwt
import pytest

from chalicelib.errors import InvalidTokenError
from chalicelib.keys.jwk_set import PublicKey
from chalicelib.keys.remote_jwk_set import KeysUnavailableError
from chalicelib.tokens.access_token_verifier import MAX_AHEAD, AccessTokenClaims, verify
from chalicelib.tokens.jws import MAX_BRACKETS, MAX_COMMAS, MAX_LENGTH
from tests.support.hostile_tokens import hostile_tokens
from tests.support.token_forge import (
    AUDIENCE,
    CLAIMS,
    EC_KEY,
    ED_KEY,
    HEADER,
    ISSUER,
    KEYS,
    NOW,
    OTHER_EC_KEY,
    RSA_KEY,
    Json,
    accepted,
    segment,
    token,
    without,
)


def refused(token: str, now: int = NOW, leeway: int = 0) -> str:
    """The rule that refused `token`."""
    with pytest.raises(InvalidTokenError) as refusal:
        accepted(token, now, leeway)
    return refusal.value.detail or ""


def claiming(**claims: object) -> str:
    return token(claims=CLAIMS | claims)


# --- What is accepted


def test_the_claims_come_back() -> None:
    assert accepted(token()) == AccessTokenClaims(
        iss=ISSUER,
        sub="usr_7",
        aud=AUDIENCE,
        exp=NOW + 900,
        iat=NOW,
        jti="tok_1",
        client_id="gatehouse",
        scope=frozenset({"comments:read", "comments:write"}),
        kid="ec",
        sid="ses_1",
        preferred_username="demo",
        session_epoch=0,
        custom={},
    )


@pytest.mark.parametrize(("kid", "private"), [("ec", EC_KEY), ("rsa", RSA_KEY), ("ed", ED_KEY)])
def test_tokens_of_pyjwt(kid: str, private: object) -> None:
    issued = jwt.encode(CLAIMS, private, KEYS[kid].alg, {"typ": "at+jwt", "kid": kid})  # type: ignore[arg-type]
    assert accepted(issued).kid == kid


def test_ed25519_by_its_other_name() -> None:
    start = f"{segment({'typ': 'at+jwt', 'alg': 'Ed25519', 'kid': 'ed'})}.{segment(CLAIMS)}"
    issued = f"{start}.{segment(ED_KEY.sign(start.encode()))}"
    named = {"ed": PublicKey("ed", "Ed25519", ED_KEY.public_key())}
    assert verify(issued, named.get, issuer=ISSUER, audience=AUDIENCE, now=NOW).kid == "ed"
    assert refused(issued) == "alg is not the key's"  # the key says EdDSA: the names are not mixed


def test_a_program_has_no_session_and_no_name() -> None:
    program = without(without(without(CLAIMS, "sid"), "preferred_username"), "session_epoch")
    claims = accepted(token(claims=program))
    assert (claims.sid, claims.preferred_username, claims.session_epoch) == (None, None, None)


def test_nothing_granted_is_the_empty_scope() -> None:
    assert accepted(claiming(scope="")).scope == frozenset()


@pytest.mark.parametrize("typ", ["at+jwt", "AT+JWT", "application/at+jwt", "Application/AT+JWT"])
def test_type(typ: str) -> None:
    accepted(token(HEADER | {"typ": typ}))


def test_audience_among_others() -> None:
    assert accepted(claiming(aud=["https://else.example", AUDIENCE])).aud == AUDIENCE


def test_unknown_header_parameters_are_ignored() -> None:
    accepted(token(HEADER | {"x5t": "AAAA", "x": {"y": [1]}}))  # RFC 7515 §4


def test_custom_claims_cannot_be_changed_and_can_be_written() -> None:
    said: Json = {"plan": {"tier": "pro", "seats": [1, 2.5, None, True]}, "name": "Zoë 𝒵"}
    custom = accepted(claiming(**said)).custom
    assert json.loads(json.dumps(custom, default=dict)) == said
    with pytest.raises(TypeError):
        custom["admin"] = True  # type: ignore[index]
    with pytest.raises(TypeError):
        custom["plan"]["tier"] = "free"  # type: ignore[index]
    with pytest.raises(TypeError):
        custom["plan"]["seats"][0] = 9  # type: ignore[index]
    with pytest.raises(AttributeError):
        accepted(token()).sub = "usr_1"  # type: ignore[misc]


# --- The edges


def test_expiry_is_exact() -> None:
    accepted(token(), now=NOW + 899)
    assert refused(token(), now=NOW + 900) == "expired"


def test_leeway_moves_expiry_alone() -> None:
    accepted(token(), now=NOW + 904, leeway=5)
    assert refused(token(), now=NOW + 905, leeway=5) == "expired"
    assert refused(claiming(iat=NOW + MAX_AHEAD + 1), leeway=600) == "iat or nbf is in the future"


@pytest.mark.parametrize("name", ["iat", "nbf"])
def test_the_issuer_may_be_ahead_by_the_skew(name: str) -> None:
    accepted(claiming(**{name: NOW + MAX_AHEAD}))
    assert refused(claiming(**{name: NOW + MAX_AHEAD + 1})) == "iat or nbf is in the future"


def test_longest_token() -> None:
    filled = claiming(a="x" * 5000)
    filled = claiming(a="x" * (5000 + (MAX_LENGTH - len(filled)) * 3 // 4))
    assert MAX_LENGTH - 4 < len(filled) <= MAX_LENGTH
    accepted(filled)
    assert refused(claiming(a="x" * 6200)) == "longer than 8192 characters, or not ASCII"


def test_longest_kid() -> None:
    known = PublicKey("k" * 128, "ES256", EC_KEY.public_key())
    long = token(HEADER | {"kid": known.kid})
    assert verify(long, {known.kid: known}.get, issuer=ISSUER, audience=AUDIENCE, now=NOW).kid == known.kid


def test_deepest_and_widest_json() -> None:
    depth = MAX_BRACKETS - 1  # the claims themselves are one
    deep = json.dumps(CLAIMS)[:-1] + ', "a": ' + "[" * depth + "]" * depth + "}"
    accepted(token(claims=deep))
    assert refused(token(claims=deep.replace("[", "[[").replace("]", "]]")))
    wide = ["a"] * (MAX_COMMAS - len(CLAIMS) + 1)
    accepted(claiming(a=wide))
    assert refused(claiming(a=[*wide, "a"])) == "a segment is not strict JSON"


@pytest.mark.parametrize("value", [2**63 - 1, -(2**63), 1e300, "😀", "\\ud800 written out", "{[,"])
def test_custom_values_that_are_fine(value: object) -> None:
    assert accepted(claiming(a=value)).custom == {"a": value}


def test_a_token_verified_twice_is_looked_at_twice() -> None:
    accepted(token())
    assert refused(token(), now=NOW + 900) == "expired"


def test_keys_that_cannot_be_had_are_no_refusal() -> None:
    def keys(kid: str) -> PublicKey:
        raise KeysUnavailableError

    with pytest.raises(KeysUnavailableError):
        verify(token(), keys, issuer=ISSUER, audience=AUDIENCE, now=NOW)


# --- Mistakes that others had to publish


def all_refused(*parts: str) -> bool:
    """Whether there are hostile tokens with each of `parts` in their names, and every one is refused."""
    tokens = hostile_tokens()
    chosen = [[tokens[name] for name in tokens if part in name] for part in parts]
    return all(chosen) and all(refused(hostile) for group in chosen for hostile in group)


@pytest.mark.parametrize("advisory", ["CVE-2022-29217", "GHSA-xgmm-8j9v-c9wx", "CVE-2026-48523", "CVE-2023-48223"])
def test_algorithm_confusion(advisory: str) -> None:
    secrets = {
        "CVE-2022-29217": ("keyed with ec PEM", "keyed with rsa PEM", "keyed with ed PEM"),
        "GHSA-xgmm-8j9v-c9wx": ("keyed with ec JWK", "keyed with rsa JWK", "keyed with ed JWK"),
        "CVE-2026-48523": ("JWK compact", "keyed with null"),
        "CVE-2023-48223": ("PEM stripped", "keyed with rsa DER"),
    }
    assert all_refused(*secrets[advisory])


def test_empty_key_cve_2026_107720() -> None:
    assert all_refused("keyed with empty")


def test_crit_ignored_cve_2026_32597() -> None:
    assert all_refused("header/crit", "header/b64")


def test_issuer_matched_in_part_cve_2024_53861() -> None:
    assert all_refused("meaning/iss")
    inside = claiming(iss="auth")  # `"auth" in issuer` held there
    assert refused(inside) == "iss is not the issuer"


@pytest.mark.parametrize("name", ["kid", "jku", "jwk", "x5u", "x5c"])
def test_a_key_that_the_token_names_is_not_followed_ghsa_993g_76c3_p5m4(name: str) -> None:
    assert all_refused(f"header/{name}")


def test_a_key_in_the_header_is_refused_even_where_it_is_the_right_one() -> None:
    own = json.loads(jwt.get_algorithm_by_name("ES256").to_jwk(EC_KEY.public_key()))
    assert refused(token(HEADER | {"jwk": own})) == "a header parameter that is never accepted"


def test_one_header_for_two_users_mixes_nothing_up_cve_2026_35039() -> None:
    assert [accepted(claiming(sub=sub)).sub for sub in ("usr_1", "usr_2", "usr_1")] == ["usr_1", "usr_2", "usr_1"]


def test_nothing_outlives_exp_cve_2026_107719() -> None:
    short = claiming(exp=NOW + 1)
    accepted(short)
    assert refused(short, now=NOW + 1) == "expired"


def test_a_header_seen_before_does_not_bring_its_key_with_it() -> None:
    issued = token()
    accepted(issued)
    rotated = PublicKey("ec", "ES256", OTHER_EC_KEY.public_key())
    with pytest.raises(InvalidTokenError):
        verify(issued, {"ec": rotated}.get, issuer=ISSUER, audience=AUDIENCE, now=NOW)
    with pytest.raises(InvalidTokenError):
        verify(issued, lambda _: None, issuer=ISSUER, audience=AUDIENCE, now=NOW)
