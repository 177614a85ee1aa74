"""How an API is guarded, in words and figures."""

import json

import pytest

from chalicelib.access_table import Access, access
from chalicelib.gate.explanation import explain, text
from chalicelib.gate.policy import LONG_PREFIX, AccessTable

REPOS = [
    access("GET", "/repos/{owner}/{repo}", "repo"),
    access("GET", "/repos/{owner}/{repo}/issues", "issues"),
    access("GET", "/repos/{owner}/{repo}/issues/{n}", "issues"),
    access("GET", "/repos/{owner}/{repo}/pulls/{n}", "pulls"),
]
ORGS = [
    access("GET", "/orgs/{o}", "org"),
    access("GET", "/orgs/{o}/teams/{t}", "team"),
    access("GET", "/orgs/{o}/teams/{t}/members/{m}", "member"),
]


def test_a_whole_api_says_its_reserved_words_and_how_much_room_there_is() -> None:
    written = text("repos", AccessTable(REPOS))
    assert "repos is guarded by one policy for the whole API, 4 routes: one policy tells all" in written
    assert "of 64,000 bytes" in written
    assert "of 512 characters" in written
    assert "Sets of scopes" not in written


def test_an_api_by_route_says_which_sets_of_scopes_are_the_cause() -> None:
    written = text("orgs", AccessTable(ORGS))
    assert "GET /orgs/{o}/teams/{t}/members/{m} and GET /orgs/{o}/teams/{t} cannot be told apart" in written
    assert "Sets of scopes that need it: [member org]." in written


def test_where_there_are_many_some_are_named() -> None:
    tables = [
        access("GET", f"/{kind}{row.path}", f"{kind}:{word}")
        for kind in "abcdefg"
        for row in ORGS
        for word in row.any_of
    ]
    assert "[g:member g:org]" not in text("many", AccessTable(tables))
    assert "and 2 more." in text("many", AccessTable(tables))


@pytest.mark.parametrize("rows", [REPOS, ORGS, []])
def test_no_policy_takes_more_than_it_says(rows: list[Access]) -> None:
    table = AccessTable(rows)
    found = explain(table)
    for scope in (frozenset[str](), *({word} for row in rows for word in row.any_of), {"org", "member"}):
        for asked in [route.allow for route in table.routes.all] or ["/GET/"]:
            policy = table.answer(LONG_PREFIX, frozenset(scope), asked)
            assert len(json.dumps(policy)) <= found.bytes
            resources = [path for statement in policy["Statement"] for path in statement["Resource"]]
            assert max(map(len, resources)) <= max(found.longest_resource, len(LONG_PREFIX) + len("/*"))
