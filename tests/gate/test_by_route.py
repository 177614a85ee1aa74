"""The policy for one route: which route was asked for, and what its policy lets through."""

import pytest

from chalicelib.access_table import access
from chalicelib.gate.by_route import Asked
from chalicelib.gate.policy import AccessTable
from chalicelib.gate.routes import Routes
from tests.support.nested_tables import rows
from tests.support.policy_evaluators import permits

PREFIX = "arn:aws:execute-api:eu-west-1:123456789012:a1b2c3d4e5/api"
ORGS = (
    *rows("teams"),
    access("ANY", "/orgs/{o}/files/{path+}", "files"),
    access("GET", "/orgs/all", "all"),
)
TABLE = AccessTable(ORGS)


def found(method: str, path: str, resource: str | None = None) -> str | None:
    index = Asked(TABLE.routes).find(method, path, resource)
    return None if index is None else str(TABLE.routes.all[index])


def allowed(scope: str, asked: str, request: str, resource: str | None = None) -> bool:
    policy = TABLE.policy_by_route(PREFIX, frozenset(scope.split()), f"/{asked}", resource)
    return permits(policy, f"{PREFIX}/{request}")


def test_the_resource_that_matched_is_the_route_whatever_its_parameters_are_called() -> None:
    assert found("GET", "orgs/all", "/orgs/{org}") == "GET /orgs/{o}"
    assert found("PUT", "x", "/orgs/{org}/files/{proxy+}") == "PUT /orgs/{o}/files/{path+}"


def test_an_asterisk_in_a_path_is_a_value() -> None:
    assert found("GET", "orgs/*") == "GET /orgs/{o}"


@pytest.mark.parametrize("resource", [None, "/{proxy+}", "$default", "", "orgs", "/orgs/{o}/unheard-of"])
def test_without_a_resource_of_the_table_the_path_says_it(resource: str | None) -> None:
    assert found("GET", "orgs/1", resource) == "GET /orgs/{o}"
    assert found("GET", "orgs/1/", resource) == "GET /orgs/{o}"
    assert found("GET", "orgs/all", resource) == "GET /orgs/all"
    assert found("GET", "orgs/1/files/a/b", resource) == "GET /orgs/{o}/files/{path+}"
    assert found("DELETE", "orgs/1", resource) is None
    assert found("GET", "", resource) is None


def test_a_token_of_org_and_member_reaches_both_and_no_team() -> None:
    for asked, opened in (("orgs/1", True), ("orgs/1/teams/2", False), ("orgs/1/teams/2/members/3", True)):
        assert allowed("org member", f"GET/{asked}", f"GET/{asked}") == opened


def test_an_answer_opens_the_other_paths_of_its_route_and_nothing_else() -> None:
    answered = "org team member files all", "GET/orgs/1"
    assert allowed(*answered, "GET/orgs/2")
    for other in ("GET/orgs/all", "GET/orgs/1/teams/2", "PUT/orgs/1", "GET/orgs/1/", "GET/orgs/1%2Fteams%2F2"):
        assert not allowed(*answered, other)


def test_an_answer_for_one_method_of_a_row_does_not_open_another() -> None:
    asked = "files", "GET/orgs/1/files/a", "GET/orgs/1/files/b/c", "/orgs/{o}/files/{path+}"
    assert allowed(*asked)
    assert not allowed("files", "GET/orgs/1/files/a", "DELETE/orgs/1/files/a", "/orgs/{o}/files/{path+}")


def test_a_route_that_is_not_there_or_not_allowed_is_one_explicit_deny() -> None:
    for asked, resource in (("/GET/orgs/1", "/orgs/{o}"), ("/GET/nothing", None), ("/$connect", None)):
        policy = TABLE.policy_by_route(PREFIX, frozenset({"team"}), asked, resource)
        assert policy["Statement"] == [
            {"Effect": "Deny", "Action": "execute-api:Invoke", "Resource": [f"{PREFIX}/*"]}
        ]


def test_a_greedy_route_that_others_cut_up_is_found_by_the_length_of_the_path() -> None:
    table = AccessTable([access("GET", "/f/{p+}", "f"), access("GET", "/f/{a}/{b}", "two")])
    for path, opened in (("f/1", True), ("f/1/2", False), ("f/1/2/3", True), ("f/1/2/3/4", True)):
        policy = table.policy_by_route(PREFIX, frozenset({"f"}), f"/GET/{path}", "/f/{p+}")
        assert permits(policy, f"{PREFIX}/GET/{path}") == opened


def test_an_index_is_one_of_the_routes() -> None:
    routes = Routes(ORGS)
    asked = Asked(routes)
    for index, route in enumerate(routes.all):
        assert asked.find(route.method, "", route.access.path) == index


@pytest.mark.parametrize("path", ["/{rest+}", "/{x}"])
def test_a_star_that_is_all_of_the_path_does_not_take_the_root(path: str) -> None:
    table = AccessTable([access("GET", path), access("GET", "/", "root"), access("GET", "/a", "a")])
    for policy in (table.policy_by_route(PREFIX, frozenset(), "/GET/x"), table.policy(PREFIX, frozenset())):
        assert permits(policy, f"{PREFIX}/GET/x")
        for other in ("", "a", "%2F", "/"):
            assert not permits(policy, f"{PREFIX}/GET/{other}")
