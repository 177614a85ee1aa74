"""Every hostile token is refused, in one way, and most of them before a signature is computed."""

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

from chalicelib.errors import InvalidTokenError
from chalicelib.keys.jwk_set import VERIFICATION_ALGORITHMS, PublicKey
from chalicelib.tokens import jws
from chalicelib.tokens.access_token_verifier import verify
from tests.support.forged_signatures import SIGNERS, genuine
from tests.support.hostile_tokens import hostile_tokens
from tests.support.token_forge import AUDIENCE, ISSUER, KEYS, NOW, accepted, token

NAMES = sorted(hostile_tokens())
# What the header gives away.
EARLY = [
    name
    for name in NAMES
    if name.startswith(("algorithm/", "header/", "json/header"))
    or name.endswith((" after the header", " in the header", " before"))
]


IN_THE_CLAIMS = [name for name in NAMES if name.startswith(("claims/", "json/claims", "meaning/"))]


@EllipticCurvePublicKey.register
class Untouchable:
    """A key that must not be used."""

    def verify(self, *_: object) -> None:
        raise AssertionError("a signature was computed")


def test_there_are_more_than_three_hundred() -> None:
    assert len(NAMES) > 300


@pytest.mark.parametrize("name", NAMES)
def test_hostile_token(name: str) -> None:
    hostile = hostile_tokens()[name]
    with pytest.raises(InvalidTokenError) as refusal:
        accepted(hostile)
    assert type(refusal.value) is InvalidTokenError
    assert refusal.value.description == InvalidTokenError.description
    assert refusal.value.detail


def untouched(hostile: str) -> None:
    untouchable: Any = Untouchable()
    keys = KEYS | {"ec": PublicKey("ec", "ES256", untouchable)}
    verify(hostile, keys.get, issuer=ISSUER, audience=AUDIENCE, now=NOW)


@pytest.mark.parametrize("name", EARLY)
def test_refused_before_a_signature_is_computed(name: str) -> None:
    with pytest.raises(InvalidTokenError):
        untouched(hostile_tokens()[name])


@pytest.mark.parametrize(
    "name", [name for name in NAMES if name.startswith(("claims/", "json/claims", "meaning/"))]
)
def test_nothing_of_the_claims_is_read_before_the_signature_holds(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    header, _, signature = token().split(".")
    payload = hostile_tokens()[name].split(".")[1]
    accepted(token())  # so that the header is known
    read: list[str] = []
    monkeypatch.setattr(jws, "_json_object", read.append)
    with pytest.raises(InvalidTokenError) as refusal:
        accepted(f"{header}.{payload}.{signature}")
    assert refusal.value.detail == "the signature does not hold"
    assert read == []


@pytest.mark.parametrize("kid", SIGNERS)
def test_what_the_forgeries_differ_from_is_accepted_and_every_check_has_forgeries(kid: str) -> None:
    assert accepted(genuine(kid)).kid == kid
    assert sum(name.startswith(f"signature/{kid}: ") for name in NAMES) > 30


def test_every_algorithm_has_forgeries() -> None:
    assert {str(header["alg"]) for header, _, _ in SIGNERS.values()} | {"Ed25519"} == VERIFICATION_ALGORITHMS


def test_a_good_token_costs_a_signature() -> None:
    with pytest.raises(AssertionError, match="a signature was computed"):
        untouched(token())


@pytest.mark.parametrize(
    "name",
    [
        *(name for name in NAMES if name.startswith("json/header")),
        *(name for name in NAMES if name.startswith("segments/") and name.endswith("the header")),
        *(name for name in NAMES if name.startswith("algorithm/HS")),
        *(name for name in NAMES if name.startswith("algorithm/") and "unsigned" in name),
        *("header/kid empty", "header/kid huge", "header/kid 129 characters", "header/crit", "header/jku"),
        *("segments/8 MB", "segments/8,193 characters", "segments/none", "segments/one", "segments/only dots"),
    ],
)
def test_a_malformed_header_never_causes_a_key_fetch(name: str) -> None:
    looked_up: list[str] = []
    with pytest.raises(InvalidTokenError):
        verify(hostile_tokens()[name], looked_up.append, issuer=ISSUER, audience=AUDIENCE, now=NOW)
    assert looked_up == []
