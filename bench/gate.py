"""The gate: from API Gateway's event to the policy, against one raw verification of the same signature."""

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from itertools import cycle
from unittest import mock

from bench import by_route
from bench.hostile import forged, hostile, refused
from bench.issued import MANY, METHOD_ARN, Authorizer, Issued, by_turns, decision, event, issue, raw
from bench.many_routes import read_and_write, routes
from bench.measure import Ratio, ratios
from bench.peers import aws_jwt_verify, chalice, joserfc, powertools, pyjwt
from bench.pieces import PIECES, pieces
from bench.rows import Row
from chalicelib import authorizer
from chalicelib.gate.policy import AccessTable
from chalicelib.keys.material import new_signing_key, signing_key
from chalicelib.keys.ring import KeyEntry

# The goal for each algorithm's first decision.
FIRST = {"ES256": 1.3, "RS256": 1.8, "EdDSA": 1.2}
AGAIN, HOSTILE, POLICY, POLICY_AGAIN = 0.15, 0.1, 1.0, 0.02

PEERS: Mapping[str, Callable[[Issued], Authorizer]] = {
    "PyJWT, AWS blueprint": pyjwt.authorizer,
    "Powertools and PyJWT": powertools.authorizer,
    "joserfc": joserfc.authorizer,
}
ON_NODE = "aws-jwt-verify"
ON_NODE_NOTE = "aws-jwt-verify: Node, to its own raw verification, without a policy"


def rows() -> Iterator[Row]:
    """All rows of the gate."""
    issued = {alg: _issued(alg) for alg in FIRST}
    yield from (_first(tokens) for tokens in issued.values())
    es256 = issued["ES256"]
    yield from _pieces(es256)
    yield from _hostile(es256)
    yield from _policies(es256)
    yield from by_route.rows(es256, json.dumps(es256.jwk_set).encode(), time.time)


def _issued(alg: str) -> Issued:
    new = new_signing_key(alg)
    entry = KeyEntry(new.kid, new.purpose, new.alg, sealed=b"", published_at=0, signs_from=0)
    return issue(signing_key(entry, new.secret), new.public_jwk or {}, MANY, int(time.time()), os.urandom)


def _raw(issued: Issued) -> str:
    return f"one raw {issued.alg} verification"


def _row(what: str, goal: float | None, ratio: Ratio, issued: Issued, **others: object) -> Row:
    return Row(what, goal, ratio.median, ratio.quartiles, _raw(issued), **others)  # type: ignore[arg-type]


def _first(issued: Issued) -> Row:
    authorizers = {name: make(issued) for name, make in PEERS.items()}
    for decide in authorizers.values():
        refused(decide, forged(issued))()
    subjects = {name: by_turns(decide, issued.events()) for name, decide in authorizers.items()}
    subjects["raw"] = raw(issued)
    subjects["gate"] = by_turns(decision(issued.gate(time.time)), issued.events())
    measured = ratios(subjects, "raw", rounds=300, seconds=60)
    on_node = aws_jwt_verify.measure(issued, [])
    peers = {name: measured[name].median for name in PEERS} | {ON_NODE: on_node.verified}
    what = f"gate decision, {issued.alg}, event to policy"
    return _row(what, FIRST[issued.alg], measured["gate"], issued, peers=peers, note=ON_NODE_NOTE)


def _pieces(issued: Issued) -> Iterator[Row]:
    """The same token again; and what the first decision is made of."""
    subjects = pieces(issued, time.time)
    subjects["chalice"] = by_turns(lambda asked: authorizer.gate(asked, None), map(dict, issued.events()))
    with mock.patch.object(authorizer, "GATE", issued.gate(time.time)):
        measured = ratios(subjects, "raw", rounds=300, seconds=60)
    yield _row("the same token again", AGAIN, measured["again"], issued, note="peers: none safely")
    for name, what in PIECES.items():
        yield _row(f"in it: {what}", None, measured[name], issued)
    yield _row("the decision through Chalice's handler, as Lambda calls it", None, measured["chalice"], issued)


def _hostile(issued: Issued) -> Iterator[Row]:
    decide, peer = decision(issued.gate(time.time)), pyjwt.authorizer(issued)
    decide(event(issued.tokens[0]))  # fetches the keys
    tokens = hostile(issued)
    subjects = {"raw": raw(issued), "forged": refused(decide, forged(issued))}
    subjects |= {f"gate {name}": refused(decide, token) for name, token in tokens.items()}
    subjects |= {f"peer {name}": refused(peer, token) for name, token in tokens.items()}
    measured = ratios(subjects, "raw", rounds=100, seconds=60)
    worst = max(tokens, key=lambda name: measured[f"gate {name}"].median)
    peers = {
        "PyJWT, AWS blueprint": max(measured[f"peer {name}"].median for name in tokens),
        ON_NODE: aws_jwt_verify.measure(issued, list(tokens.values())).refused,
    }
    kinds = ", ".join(f"{name} {measured[f'gate {name}'].median:.3f}" for name in tokens)
    note = f"each the worst of its own; here {worst}; all: {kinds}"
    yield _row("hostile 8 kB token refused", HOSTILE, measured[f"gate {worst}"], issued, peers=peers, note=note)
    yield _row("well-formed 8 kB token with a false signature refused", None, measured["forged"], issued)


def _policies(issued: Issued) -> Iterator[Row]:
    entries = routes(200)
    table, scope = AccessTable(entries), read_and_write(entries)
    prefixes = [f"arn:aws:execute-api:eu-central-1:123456789012:{number:010x}/api" for number in range(1024)]
    opened = [(entry.method, entry.path) for entry in entries if entry.allows(scope)]
    measured = ratios(
        {
            "raw": raw(issued),
            "first": by_turns(lambda prefix: table.policy(prefix, scope), cycle(prefixes)),
            "again": lambda: table.policy(prefixes[0], scope),
            "chalice": chalice.policy(opened, METHOD_ARN),
        },
        "raw",
        rounds=300,
        seconds=60,
    )
    note = "AuthResponse says no Deny, and writes {id} where a star has to stand"
    peers = {"Chalice's AuthResponse": measured["chalice"].median}
    yield _row("policy for 200 routes, first time", POLICY, measured["first"], issued, peers=peers, note=note)
    yield _row("policy for 200 routes, again", POLICY_AGAIN, measured["again"], issued)
