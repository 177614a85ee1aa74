"""Nested tables as teams have them, a scope for each kind of thing: every route and every set of scopes."""

import json
from itertools import chain, combinations

import pytest

from chalicelib.gate import guarded_apis
from tests.support.nested_tables import TABLES
from tests.support.policy_evaluators import permits

PREFIX = "arn:aws:execute-api:eu-west-1:123456789012:a1b2c3d4e5/api"
BY_ROUTE = {"orders", "teams", "me"}


@pytest.mark.parametrize("name", TABLES)
def test_it_is_guarded_and_every_token_reaches_what_it_may_and_nothing_else(name: str) -> None:
    rows = TABLES[name]
    table = guarded_apis.read(json.dumps({f"GET {path}": {"any_of": [scope]} for path, scope in rows.items()}))
    assert (table.cause is not None) == (name in BY_ROUTE)
    words = sorted(set(rows.values()))
    for scope in chain.from_iterable(combinations(words, count) for count in range(len(words) + 1)):
        for path, needed in rows.items():
            asked = "/GET" + "/".join("x1" if part.startswith("{") else part for part in path.split("/"))
            policy = table.answer(PREFIX, frozenset(scope), asked, path)
            assert permits(policy, PREFIX + asked) == (needed in scope)
            for other, others in rows.items():
                elsewhere = "/GET" + "/".join("y2" if part.startswith("{") else part for part in other.split("/"))
                assert others in scope or not permits(policy, PREFIX + elsewhere)
