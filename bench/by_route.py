"""A decision by route, from API Gateway's REQUEST event to the policy for one route, beside one by policy."""

from collections.abc import Callable, Iterator, Mapping
from itertools import cycle, repeat
from typing import Any

from bench.issued import METHOD_ARN, SETTINGS, Issued, by_turns, decision, event, raw
from bench.measure import Ratio, ratios
from bench.rows import Row
from chalicelib.access_table import access
from chalicelib.gate.decision import Gate
from chalicelib.gate.policy import AccessTable
from chalicelib.gate.request_event import read

NEW, AGAIN = 1.1, 0.1
_ROWS = (
    access("GET", "/orgs/{o}", "comments:read"),
    access("GET", "/orgs/{o}/teams/{t}", "team"),
    access("GET", "/orgs/{o}/teams/{t}/members/{m}", "comments:write"),
)
_ARN = METHOD_ARN.partition("/GET")[0] + "/GET/orgs/1"


def rows(issued: Issued, document: bytes, clock: Callable[[], float]) -> Iterator[Row]:
    """New tokens, to the same by policy; and one token again, to a raw verification. `document` is the JWK Set."""

    def gate() -> Gate:
        return Gate(SETTINGS, AccessTable(_ROWS), lambda _: document, clock)

    new, again = gate(), gate()
    subjects = {
        "policy": by_turns(decision(issued.gate(clock)), issued.events()),
        "route": by_turns(lambda asked: new.decide(*read(asked)), cycle(list(map(_event, issued.tokens)))),
    }
    what = "decision by route, event to policy"
    yield _row(what, NEW, ratios(subjects, "policy", rounds=300, seconds=30)["route"], "a decision by policy")
    remembered = {
        "raw": raw(issued),
        "again": by_turns(lambda asked: again.decide(*read(asked)), repeat(_event(issued.tokens[0]))),
    }
    to = f"one raw {issued.alg} verification"
    yield _row(
        "the same token again, by route", AGAIN, ratios(remembered, "raw", rounds=300, seconds=30)["again"], to
    )


def _row(what: str, goal: float, ratio: Ratio, to: str) -> Row:
    return Row(what, goal, ratio.median, ratio.quartiles, to)


def _event(token: str) -> Mapping[str, Any]:
    """What API Gateway sends to a REQUEST authorizer of a REST API."""
    lines = {"Accept": ["*/*"], "Host": ["api.example"], "Authorization": [event(token)["authorizationToken"]]}
    headers = {name: values[-1] for name, values in lines.items()}
    said = {"type": "REQUEST", "methodArn": _ARN, "resource": "/orgs/{o}", "httpMethod": "GET"}
    return {**said, "headers": headers, "multiValueHeaders": lines}
