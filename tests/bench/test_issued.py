"""What the gate is measured with: tokens that it takes, is new to each time, and refuses if they are hostile."""

from random import Random
from unittest import mock

import pytest

from bench import hostile
from bench.issued import MANY, METHOD_ARN, Issued, decision, event, issue, raw
from bench.many_routes import read_and_write, routes
from chalicelib.errors import InvalidTokenError
from chalicelib.gate import verified_tokens
from chalicelib.gate.policy import AccessTable
from chalicelib.keys.material import SigningKey, new_signing_key, signing_key
from chalicelib.keys.ring import KeyEntry
from chalicelib.tokens import access_token_verifier
from tests.support.token_forge import NOW


def issued(alg: str, count: int, now: int = NOW) -> Issued:
    """Tokens of a new key."""
    new = new_signing_key(alg)
    key: SigningKey = signing_key(KeyEntry(new.kid, new.purpose, alg, b"", now, now), new.secret)
    return issue(key, new.public_jwk or {}, count, now, Random(0).randbytes)  # noqa: S311


@pytest.mark.parametrize("alg", ["ES256", "RS256", "EdDSA"])
def test_the_gate_and_the_raw_verification_take_every_token(alg: str) -> None:
    tokens = issued(alg, 3)
    decide, verify_raw = decision(tokens.gate(lambda: NOW)), raw(tokens)
    for token in tokens.tokens:
        decide(event(token))
        verify_raw()


def test_every_decision_by_turns_is_a_first_one(monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = issued("EdDSA", MANY)
    verified = mock.Mock(wraps=access_token_verifier.verify)
    monkeypatch.setattr(verified_tokens, "verify", verified)
    decide, events = decision(tokens.gate(lambda: NOW)), tokens.events()
    for _ in range(2 * MANY):
        decide(next(events))
    assert verified.call_count == 2 * MANY


def test_every_hostile_token_is_of_8_kb_and_refused_before_its_signature() -> None:
    tokens = issued("ES256", 2)
    decide = decision(tokens.gate(lambda: NOW))
    for name, token in hostile.hostile(tokens).items():
        assert len(token) > 8180, name
        assert (len(token) > hostile.LENGTH) is name.startswith("longer"), name
        with pytest.raises(InvalidTokenError) as refused:
            decide(event(token))
        assert "signature does not hold" not in str(refused.value.detail), name


def test_the_forged_token_is_refused_for_its_signature() -> None:
    tokens = issued("ES256", 2)
    forged = hostile.forged(tokens)
    assert 8180 < len(forged) <= hostile.LENGTH
    with pytest.raises(InvalidTokenError) as refused:
        decision(tokens.gate(lambda: NOW))(event(forged))
    assert refused.value.detail == "the signature does not hold"


def test_who_lets_a_hostile_token_in_is_not_measured() -> None:
    with pytest.raises(AssertionError, match="let in"):
        hostile.refused(lambda _: {}, "token")()


@pytest.mark.parametrize("count", [1, 12, 200])
def test_a_table_of_any_size_can_be_written_exactly(count: int) -> None:
    entries = routes(count)
    assert len(entries) == count
    allowed = [entry for entry in entries if entry.allows(read_and_write(entries))]
    policy = AccessTable(entries).policy(METHOD_ARN.partition("/GET")[0], read_and_write(entries))
    assert len(policy["Statement"][0]["Resource"]) == len(allowed)
