"""The policy compiler, one idea at a time. What holds for every table is in test_policy_properties.py."""

import json
import re

import pytest

from chalicelib.access_table import ACCESS_TABLE, METHODS, Access, access
from chalicelib.gate.policy import AccessTable, MethodArn
from tests.support.policy_evaluators import permits

PREFIX = "arn:aws:execute-api:eu-west-1:123456789012:a1b2c3d4e5/api"


def allowed(entries: tuple[Access, ...], scope: str, request: str) -> bool:
    """Whether a token with `scope` may send `request`, written `METHOD/path`."""
    policy = AccessTable(entries).policy(PREFIX, frozenset(scope.split()))
    return permits(policy, f"{PREFIX}/{request}")


COMMENTS = (
    access("GET", "/comments", "list"),
    access("GET", "/comments/{comment_id}", "read"),
    access("GET", "/comments/{comment_id}/history", "audit"),
    access("DELETE", "/comments/{comment_id}", "write"),
)


def test_a_scope_opens_its_route_and_no_other() -> None:
    assert allowed(COMMENTS, "read", "GET/comments/c1")
    assert not allowed(COMMENTS, "read", "GET/comments")
    assert not allowed(COMMENTS, "read", "DELETE/comments/c1")


def test_one_word_of_any_of_and_every_word_of_all_of() -> None:
    entries = (Access("GET", "/a", any_of=frozenset("xy"), all_of=frozenset("pq")),)
    assert allowed(entries, "x p q", "GET/a")
    assert not allowed(entries, "x p", "GET/a")
    assert not allowed(entries, "p q", "GET/a")


def test_a_route_that_names_no_scope_is_open_to_every_token() -> None:
    assert allowed((access("GET", "/me"),), "", "GET/me")


def test_a_star_does_not_cross_a_slash() -> None:
    assert not allowed(COMMENTS, "read", "GET/comments/c1/history")
    assert not allowed(COMMENTS, "read", "GET/comments/c1/unheard-of")


def test_a_star_that_reaches_nothing_does_not_cross_a_slash_either() -> None:
    assert not allowed(COMMENTS, "write", "DELETE/comments/c1/c2")


def test_an_allowed_route_across_the_slash_stays_open_and_its_siblings_closed() -> None:
    entries = (*COMMENTS, access("GET", "/comments/{comment_id}/flags", "read"))
    assert allowed(entries, "read", "GET/comments/c1/flags")
    assert not allowed(entries, "read", "GET/comments/c1/history")
    assert not allowed(entries, "read", "GET/comments/c1/history/")


@pytest.mark.parametrize("path", ["c1%2Fhistory", "c1/hist%6Fry", "c1%2fhist%6Fry%2F", "%"])
def test_an_encoded_path_is_refused_where_it_could_be_decoded_to_a_route_that_is_not_allowed(
    path: str,
) -> None:
    entries = (*COMMENTS, access("GET", "/comments/{comment_id}/flags", "read"))
    assert not allowed(entries, "read", f"GET/comments/{path}")


def test_an_encoded_value_is_allowed_where_nothing_can_be_reached_with_it() -> None:
    assert allowed(COMMENTS, "write", "DELETE/comments/a%20b")
    assert allowed(COMMENTS, "list read audit write", "GET/comments/a%20b")


def test_a_trailing_slash_does_not_open_the_shorter_route() -> None:
    assert not allowed(COMMENTS, "read", "GET/comments/")
    assert not allowed((access("GET", "/", "root"), access("GET", "/{x}", "x")), "x", "GET/")
    assert not allowed((access("GET", "/", "root"), access("GET", "/{x}", "x")), "x", "GET//")


@pytest.mark.parametrize("path", ["a//b", "a/b/", "a/b//", "a///b"])
def test_an_empty_segment_does_not_open_a_shorter_route(path: str) -> None:
    entries = (access("GET", "/a/{x}/{y}", "read"), access("GET", "/a/{x}", "audit"), access("GET", "/a", "audit"))
    assert not allowed(entries, "read", f"GET/{path}")


EXPORT = (access("GET", "/comments/{comment_id}", "read"), access("GET", "/comments/export", "export"))


@pytest.mark.parametrize("path", ["export", "export/", "exp%6Frt"])
def test_a_literal_sibling_is_denied(path: str) -> None:
    assert not allowed(EXPORT, "read", f"GET/comments/{path}")


def test_a_literal_sibling_denies_nothing_but_itself() -> None:
    assert allowed(EXPORT, "read", "GET/comments/exports")
    assert allowed(EXPORT, "read", "GET/comments/Export")


def test_a_literal_is_open_where_its_sibling_is_not() -> None:
    assert allowed(EXPORT, "export", "GET/comments/export")
    assert not allowed(EXPORT, "export", "GET/comments/c1")


def test_a_literal_is_served_first_only_for_its_own_method() -> None:
    entries = (
        access("GET", "/{x}/export", "read"),
        access("GET", "/a/{y}", "audit"),
        access("POST", "/a/export", "read"),
    )
    assert allowed(entries, "read", "GET/b/export")
    assert not allowed(entries, "read", "GET/a/export")


def test_a_method_that_no_route_serves_is_never_allowed() -> None:
    for method in ("PUT", "HEAD", "get", "GET2", "*", ""):
        assert not allowed(COMMENTS, "list read audit write", f"{method}/comments/c1")


@pytest.mark.parametrize("path", ["items/%2F", "items/%2f%2F", "items/%2F/", "items%2F%2F"])
def test_a_star_that_is_left_out_once_it_is_decoded_does_not_open_the_list(path: str) -> None:
    entries = (access("GET", "/items", "list"), access("GET", "/items/{id}", "read"))
    assert not allowed(entries, "read", f"GET/{path}")


def test_a_star_that_is_left_out_does_not_open_the_root() -> None:
    entries = (access("GET", "/", "root"), access("GET", "/{x}", "x"))
    assert not allowed(entries, "x", "GET/%2F")


@pytest.mark.parametrize("value", ["..", ".", "%2e%2e", "%2E."])
def test_a_dot_segment_is_a_value_like_any_other(value: str) -> None:
    entries = (access("GET", "/items/{id}", "read"), access("GET", "/admin", "admin"))
    assert allowed(entries, "read", f"GET/items/{value}")
    assert not allowed(entries, "read", f"GET/items/{value}/admin")


def test_an_id_that_is_a_word_of_the_apis_own_paths_may_be_refused() -> None:
    entries = (
        access("GET", "/users/{id}", "users"),
        access("GET", "/users/{id}/orders", "orders"),
        access("GET", "/users/{id}/orders/{oid}", "order"),
    )
    assert AccessTable(entries).cause is None
    assert AccessTable(entries).reserved_words() == {"orders"}
    assert allowed(entries, "users order", "GET/users/u1/orders/o1")
    assert not allowed(entries, "users order", "GET/users/u1/orders")
    assert not allowed(entries, "users order", "GET/users/u1/orders/orders")


def test_a_greedy_route_is_open_at_every_depth_and_closed_where_another_route_lies_in_it() -> None:
    entries = (access("GET", "/files/{path+}", "files"), access("GET", "/files/{id}/acl", "admin"))
    assert allowed(entries, "files", "GET/files/a")
    assert allowed(entries, "files", "GET/files/a/b/c")
    assert not allowed(entries, "files", "GET/files/a/acl")
    assert not allowed(entries, "files", "GET/files")
    assert AccessTable(entries).reserved_words() == {"acl"}


def test_a_row_may_name_several_methods_or_all() -> None:
    entries = (access("GET HEAD", "/a", "read"), access("ANY", "/b", "read"))
    assert [method for method in METHODS if allowed(entries, "read", f"{method}/a")] == ["GET", "HEAD"]
    assert all(allowed(entries, "read", f"{method}/b") for method in METHODS)


def test_other_characters_are_themselves() -> None:
    entries = (access("GET", "/v1.0:run/{x}", "read"), access("GET", "/a+$,=@~/{x}", "read"))
    assert allowed(entries, "read", "GET/v1.0:run/1")
    assert not allowed(entries, "read", "GET/v1x0:run/1")
    assert allowed(entries, "read", "GET/a+$,=@~/1")
    assert not allowed(entries, "read", "GET/aa$,=@~/1")


def test_the_root_is_a_route() -> None:
    assert allowed((access("GET", "/"),), "", "GET/")
    assert not allowed((access("GET", "/"),), "", "GET/a")


def test_nothing_allowed_is_one_explicit_deny() -> None:
    policy = AccessTable(COMMENTS).policy(PREFIX, frozenset({"unheard-of"}))
    assert policy["Statement"] == [{"Effect": "Deny", "Action": "execute-api:Invoke", "Resource": [f"{PREFIX}/*"]}]


def test_a_table_without_entries_denies_everything() -> None:
    assert not allowed((), "read", "GET/")


def test_nothing_to_deny_is_no_statement() -> None:
    policy = AccessTable((access("GET", "/me"),)).policy(PREFIX, frozenset())
    assert policy == {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": [f"{PREFIX}/GET/me"]}],
    }


def test_no_statement_is_ever_without_resources() -> None:
    table = AccessTable(COMMENTS)
    for scope in ("", "list", "read", "list read", "audit", "list read audit write"):
        statements = table.policy(PREFIX, frozenset(scope.split()))["Statement"]
        assert statements
        assert all(statement["Resource"] for statement in statements)


def test_changing_an_answer_does_not_change_the_next() -> None:
    table = AccessTable(COMMENTS)
    first = table.policy(PREFIX, frozenset({"read"}))
    before = json.dumps(first)
    for statement in first["Statement"]:
        statement["Resource"].append("*")
        statement["Effect"] = "Allow"
    first["Statement"].clear()
    assert json.dumps(table.policy(PREFIX, frozenset({"read"}))) == before


def test_one_prefix_is_never_answered_with_another() -> None:
    table = AccessTable(COMMENTS)
    other = PREFIX.replace("123456789012", "210987654321")
    table.policy(PREFIX, frozenset({"read"}))
    assert PREFIX not in json.dumps(table.policy(other, frozenset({"read"})))


def test_what_another_resource_denies_already_is_left_out() -> None:
    (_, deny) = AccessTable(COMMENTS).policy(PREFIX, frozenset({"read"}))["Statement"]
    assert f"{PREFIX}/GET/comments/*/*" in deny["Resource"]
    assert f"{PREFIX}/GET/comments/*/history" not in deny["Resource"]


def test_the_order_of_the_entries_makes_no_difference() -> None:
    for scope in (frozenset({"read"}), frozenset({"list", "read", "audit"})):
        forwards = AccessTable(COMMENTS).policy(PREFIX, scope)
        backwards = AccessTable(reversed(COMMENTS)).policy(PREFIX, scope)
        assert json.dumps(forwards) == json.dumps(backwards)


def test_no_resource_is_named_twice() -> None:
    entries = (*COMMENTS, access("GET", "/{x}", "read"), access("GET", "/{x}/{y}/flags", "read"))
    for statement in AccessTable(entries).policy(PREFIX, frozenset({"read"}))["Statement"]:
        assert len(statement["Resource"]) == len(set(statement["Resource"]))


def test_a_deny_is_as_narrow_as_what_is_reached() -> None:
    entries = (
        access("GET", "/a/{x}", "read"),
        access("GET", "/{w}/{x}/history", "audit"),
        access("GET", "/b/{x}/{y}/history", "read"),
    )
    assert allowed(entries, "read", "GET/b/1/2/history")
    assert not allowed(entries, "read", "GET/a/1/history")


ARN = PREFIX + "/GET/comments/c1"


def test_the_prefix_is_all_that_is_taken_from_a_method_arn() -> None:
    arn = MethodArn.parse(ARN)
    assert arn == ("aws", "eu-west-1", "123456789012", "a1b2c3d4e5", "api")
    assert arn.prefix == PREFIX


@pytest.mark.parametrize("rest", ["/", "/GET/", "/GET/a:b/c", "/GET/*/x\n/Ω"])
def test_whatever_the_request_says_the_prefix_stays(rest: str) -> None:
    assert MethodArn.parse(PREFIX + rest).prefix == PREFIX


def test_an_http_api_may_have_a_stage_without_a_name() -> None:
    arn = ARN.replace("/api/", "/$default/")
    assert MethodArn.parse(arn).prefix == PREFIX.replace("/api", "/$default")


@pytest.mark.parametrize(
    "arn",
    [
        "",
        PREFIX,
        " " + ARN,
        "\n" + ARN,
        ARN.replace("arn:aws:", "arn:*:"),
        ARN.replace("execute-api", "lambda"),
        ARN.replace("eu-west-1", "*"),
        ARN.replace("123456789012", "*"),
        ARN.replace("123456789012", "12345678901"),
        ARN.replace("123456789012", "12345678901٣"),
        ARN.replace("a1b2c3d4e5", "*"),
        ARN.replace("a1b2c3d4e5", ""),
        ARN.replace("/api/", "/*/"),
        ARN.replace("/api/", "/ap?/"),
        ARN.replace("/api/", "//"),
        ARN.replace("/api/", "/${stage}/"),
        ARN.replace("/api/", f"/{'s' * 129}/"),
    ],
)
def test_anything_else_is_not_a_method_arn(arn: str) -> None:
    with pytest.raises(ValueError, match="not the ARN"):
        MethodArn.parse(arn)


@pytest.mark.parametrize("prefix", [PREFIX + "/", PREFIX + "\n", PREFIX + "/GET", "*", ""])
def test_a_policy_is_made_for_a_prefix_and_nothing_else(prefix: str) -> None:
    with pytest.raises(ValueError, match="not the fixed part"):
        AccessTable(COMMENTS).policy(prefix, frozenset())


def test_the_demo_users_policy_is_small() -> None:
    scope = frozenset({"comments:read", "comments:write", "account"})
    assert len(json.dumps(AccessTable(ACCESS_TABLE).policy(PREFIX, scope))) < 2_000


def routes(count: int) -> list[Access]:
    """A table of `count` routes in the manner of a real one."""
    kinds = [
        ("GET", "", "read"),
        ("POST", "", "write"),
        ("GET", "/{id}", "read"),
        ("PUT", "/{id}", "write"),
        ("DELETE", "/{id}", "write"),
        ("GET", "/{id}/history", "audit"),
        ("POST", "/{id}/flags", "audit"),
        ("GET", "/export", "audit"),
    ]
    return [
        access(method, f"/resource{number // len(kinds)}{path}", f"{number // len(kinds) % 10}:{word}")
        for number in range(count)
        for method, path, word in [kinds[number % len(kinds)]]
    ]


def test_the_size_grows_with_the_number_of_routes() -> None:
    sizes = {}
    for count in (25, 50, 100, 200):
        scope = frozenset(f"{number}:{word}" for number in range(10) for word in ("read", "write"))
        sizes[count] = len(json.dumps(AccessTable(routes(count)).policy(PREFIX, scope)))
        print(f"{count} routes: {sizes[count]} bytes, {sizes[count] / count:.0f} for each")
    assert sizes[200] < 9 * sizes[25]
    assert sizes[200] < 64_000


def test_every_resource_is_the_prefix_and_characters_of_the_table() -> None:
    table = AccessTable(routes(40))
    for statement in table.policy(PREFIX, frozenset({"0:read", "1:write"}))["Statement"]:
        for resource in statement["Resource"]:
            assert re.fullmatch(re.escape(PREFIX) + r"/[A-Za-z0-9/*%]+", resource)
