"""The peers on Python do what they are measured for: take what the service issues, refuse what they should.

aws-lambda-powertools, which only `make bench` installs, verifies with what `pyjwt` here does.
"""

import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from bench.hostile import forged, hostile, refused
from bench.issued import AUDIENCE, ISSUER, LIFETIME, METHOD_ARN, Authorizer, Issued, event
from bench.peers import chalice, joserfc, pyjwt
from bench.peers.routes import policy
from tests.bench.test_issued import issued

Peer = Callable[[Issued], Authorizer]
peers = pytest.mark.parametrize("peer", [pyjwt.authorizer, joserfc.authorizer], ids=["pyjwt", "joserfc"])


@peers
@pytest.mark.parametrize("alg", ["ES256", "RS256", "EdDSA"])
def test_it_answers_with_a_policy(peer: Peer, alg: str) -> None:
    tokens = issued(alg, 1, int(time.time()))
    answer = peer(tokens)(event(tokens.tokens[0]))
    assert isinstance(answer, dict)
    assert answer["policyDocument"] == policy(METHOD_ARN, "account comments:read comments:write")


@peers
def test_it_refuses_a_false_signature_and_every_hostile_token(peer: Peer) -> None:
    tokens = issued("ES256", 2, int(time.time()))
    for token in (forged(tokens), *hostile(tokens).values()):
        refused(peer(tokens), token)()


@peers
def test_it_refuses_an_expired_token(peer: Peer) -> None:
    tokens = issued("ES256", 1, int(time.time()) - 2 * LIFETIME)
    refused(peer(tokens), tokens.tokens[0])()


@peers
@pytest.mark.parametrize(("issuer", "audience"), [("https://other.example", AUDIENCE), (ISSUER, "other")])
def test_it_refuses_another_issuer_and_another_audience(peer: Peer, issuer: str, audience: str) -> None:
    tokens = issued("ES256", 1, int(time.time()))
    refused(peer(replace(tokens, issuer=issuer, audience=audience)), tokens.tokens[0])()


def test_the_policy_of_chalice_names_every_route() -> None:
    answer = chalice.policy([("GET", "/a/{thing_id}"), ("POST", "/b")], METHOD_ARN)()
    prefix = METHOD_ARN.partition("/GET")[0]
    assert isinstance(answer, dict)
    assert answer["policyDocument"]["Statement"][0]["Resource"] == [
        f"{prefix}/GET/a/{{thing_id}}",
        f"{prefix}/POST/b",
    ]
