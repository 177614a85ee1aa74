"""What an access table is refused for, each time with the routes that are meant."""

import pytest

from chalicelib.access_table import Access, access
from chalicelib.gate.policy import AccessTable, InexactPolicyError


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
        "/{proxy+}",
        "/v{x}",
        "/{x}v",
        "/{}",
    ],
)
def test_a_malformed_path_is_refused_by_name(path: str) -> None:
    assert f"GET {path}:" in refusal(access("GET", path))


@pytest.mark.parametrize("method", ["get", "ANY", "*", "", "GET/a"])
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


def test_a_policy_over_the_ceiling_is_refused() -> None:
    entries = [access("GET", f"/a{number}", "a") for number in range(20)]
    AccessTable(entries)
    with pytest.raises(InexactPolicyError, match="of at most 1000"):
        AccessTable(entries, max_policy_bytes=1000)


def test_a_deny_that_would_take_a_longer_allowed_route_is_refused_with_both_names() -> None:
    message = refusal(
        access("GET", "/a/{x}", "read"),
        access("GET", "/a/{x}/history", "audit"),
        access("GET", "/a/{x}/{y}/history", "read"),
    )
    assert "GET /a/{x}/{y}/history and GET /a/{x}/history" in message
    assert "['read']" in message


def test_a_deny_that_would_take_a_literal_allowed_sibling_is_refused_with_both_names() -> None:
    message = refusal(
        access("GET", "/{x}/{y}", "read"),
        access("GET", "/a/{y}", "audit"),
        access("GET", "/a/export", "read"),
    )
    assert "GET /a/export and GET /a/{y}" in message


def test_routes_that_no_scopes_tell_apart_are_not_refused() -> None:
    AccessTable(
        (
            access("GET", "/a/{x}", "read", "audit"),
            access("GET", "/a/{x}/history", "audit"),
            Access("GET", "/a/{x}/{y}/history", all_of=frozenset({"audit"})),
        )
    )


def test_scopes_are_united_before_routes_are_refused() -> None:
    message = refusal(
        access("GET", "/a/{x}", "read"),
        access("GET", "/a/{x}/history", "audit"),
        access("GET", "/a/{x}/{y}/history", "write"),
    )
    assert "['read', 'write']" in message
