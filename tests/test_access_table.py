"""The access table: an entry is found by method and the path as Chalice writes it."""

import pytest

from chalicelib import access_table
from chalicelib.access_table import ACCESS_TABLE, OPEN_SIGN_UP, Kind


@pytest.mark.parametrize("entry", ACCESS_TABLE, ids=lambda entry: f"{entry.method} {entry.path}")
def test_every_line_is_found(entry: access_table.Access) -> None:
    assert access_table.entry(entry.method, entry.path) is entry


@pytest.mark.parametrize(
    ("method", "path"),
    [("PUT", "/comments/{comment_id}"), ("DELETE", "/comments/c1"), ("GET", "/"), ("get", "/me")],
)
def test_what_no_line_names_is_not_found(method: str, path: str) -> None:
    assert access_table.entry(method, path) is None


def test_open_sign_up_is_public_where_the_stage_allows_it() -> None:
    guarded = access_table.entry("POST", "/users")
    assert guarded is not None
    assert guarded.kind is Kind.GUARDED
    assert access_table.entry("POST", "/users", open_sign_up=True) is OPEN_SIGN_UP


def test_a_preflight_carries_no_token() -> None:
    preflight = access_table.entry("OPTIONS", "/me")
    assert preflight is not None
    assert preflight.kind is Kind.PUBLIC


def test_the_routes_that_hash_a_password_are_marked() -> None:
    marked = {(entry.method, entry.path) for entry in access_table.hashing()}
    assert marked == {("POST", "/tokens"), ("POST", "/users"), ("PUT", "/me/password")}


def test_open_sign_up_hashes_as_the_guarded_one_does() -> None:
    assert OPEN_SIGN_UP.hashes
