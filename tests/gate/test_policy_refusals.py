"""What an access table is refused for, and what it is guarded by route for, with the routes that are meant."""

import json

import pytest

from chalicelib.access_table import ACCESS_TABLE, Access, access
from chalicelib.gate.policy import LONG_PREFIX, AccessTable
from chalicelib.gate.routes import InexactPolicyError


def refusal(*entries: Access) -> str:
    with pytest.raises(InexactPolicyError) as caught:
        AccessTable(entries)
    return str(caught.value)


@pytest.mark.parametrize(
    "path",
    [
        "comments",
        "",
        "/comments/",
        "//",
        "/a//b",
        "/a*",
        "/a?",
        "/${aws:username}",
        "/a%2F",
        "/{proxy+}/a",
        "/v{x}",
        "/{x}v",
        "/{}",
    ],
)
def test_a_malformed_path_is_refused_by_name(path: str) -> None:
    assert f"GET {path}:" in refusal(access("GET", path))


@pytest.mark.parametrize("method", ["get", "any", "*", "", "GET/a", "GET  PUT", "GET ANY"])
def test_an_unknown_method_is_refused_by_name(method: str) -> None:
    assert f"{method} /a:" in refusal(access(method, "/a"))


def test_a_route_named_twice_is_refused() -> None:
    assert "GET /a and GET /a are" in refusal(access("GET", "/a"), access("GET", "/a", "x"))


def test_routes_that_differ_by_the_name_of_a_parameter_are_refused() -> None:
    assert "GET /a/{x} and GET /a/{y} are" in refusal(access("GET", "/a/{x}"), access("GET", "/a/{y}", "y"))


def test_the_same_path_with_two_methods_is_two_routes() -> None:
    AccessTable((access("GET", "/a/{x}"), access("PUT", "/a/{y}")))


def test_a_resource_over_512_characters_is_refused() -> None:
    assert "GET /aaa" in refusal(access("GET", "/" + "a" * 420))
    AccessTable((access("GET", "/" + "a" * 400),))


def test_a_deny_over_512_characters_is_refused_though_no_route_is() -> None:
    long = ["a" * 210, "b" * 210]
    assert "more than 512" in refusal(access("GET", f"/{long[0]}/{{x}}"), access("GET", f"/{{x}}/{long[1]}"))


def test_a_method_named_twice_is_refused() -> None:
    assert "GET /a and GET /a are" in refusal(access("GET PUT", "/a"), access("POST GET", "/a"))
    assert "PUT /a and PUT /a are" in refusal(access("ANY", "/a"), access("PUT", "/a"))


def cause(*entries: Access) -> str:
    return str(AccessTable(entries).cause)


def test_a_policy_over_the_ceiling_makes_it_by_route() -> None:
    entries = [access("GET", f"/a{number}", "a") for number in range(20)]
    assert AccessTable(entries).cause is None
    assert "bytes of at most 1000" in str(AccessTable(entries, max_policy_bytes=1000).cause)


def test_no_policy_is_longer_than_the_size_that_is_measured() -> None:
    table = AccessTable(ACCESS_TABLE)
    words: list[str] = sorted({word for row in ACCESS_TABLE for word in row.any_of | row.all_of})
    for number in range(2 ** len(words)):
        scope = frozenset(word for place, word in enumerate(words) if number >> place & 1)
        assert len(json.dumps(table.policy(LONG_PREFIX, scope))) <= table.size()


def test_a_deny_that_would_take_a_longer_allowed_route_makes_it_by_route() -> None:
    message = cause(
        access("GET", "/a/{x}", "read"),
        access("GET", "/a/{x}/history", "audit"),
        access("GET", "/a/{x}/{y}/history", "read"),
    )
    assert "GET /a/{x}/{y}/history and GET /a/{x}/history" in message
    assert "['read']" in message


def test_a_deny_that_would_take_a_literal_allowed_sibling_makes_it_by_route() -> None:
    message = cause(
        access("GET", "/{x}/{y}", "read"),
        access("GET", "/a/{y}", "audit"),
        access("GET", "/a/export", "read"),
    )
    assert "GET /a/export and GET /a/{y}" in message


def test_routes_that_no_scopes_tell_apart_share_one_policy() -> None:
    table = AccessTable(
        (
            access("GET", "/a/{x}", "read", "audit"),
            access("GET", "/a/{x}/history", "audit"),
            Access("GET", "/a/{x}/{y}/history", all_of=frozenset({"audit"})),
        )
    )
    assert table.cause is None


def test_scopes_are_united_before_routes_are_told_apart() -> None:
    message = cause(
        access("GET", "/a/{x}", "read"),
        access("GET", "/a/{x}/history", "audit"),
        access("GET", "/a/{x}/{y}/history", "write"),
    )
    assert "['read', 'write']" in message
