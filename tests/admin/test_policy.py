"""`policy show`: our own API and another's, whole and by route."""

import json
from pathlib import Path

import pytest

from chalicelib.gate import guarded_apis
from tests.admin.conftest import Admin

ORGS = {
    "GET /orgs/{o}": {"any_of": ["org"], "description": "An organization."},
    "GET /orgs/{o}/teams/{t}": {"any_of": ["team"]},
    "GET HEAD /orgs/{o}/teams/{t}/members/{m}": {"all_of": ["member"]},
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "orgs.json").write_text(json.dumps(ORGS))
    (tmp_path / "bad.json").write_text('{"FETCH /a": {}}')
    monkeypatch.setattr(guarded_apis.table_of, "__defaults__", (str(tmp_path),))
    return tmp_path


def test_our_own_api_has_one_policy_for_all_routes(admin: Admin) -> None:
    shown = admin("policy", "show", "--scope", "comments:read", "--json").json
    reached = {row["route"] for row in shown["routes"] if row["reached"] == "yes"}
    assert {"GET /me", "GET /comments", "GET /comments/{comment_id}"} < reached
    assert "POST /comments" not in reached
    assert (shown["mode"], shown["causes"]) == ("whole API", {})
    assert shown["policy"]["Statement"][0]["Effect"] == "Allow"
    assert shown["bytes"] < 64_000
    assert shown["longest_resource"] < 512


def test_without_scope_it_is_every_one_of_the_table(admin: Admin, folder: Path) -> None:
    shown = admin("policy", "show", "--api", "orgs", "--json").json
    assert shown["scope"] == "member org team"
    assert {row["reached"] for row in shown["routes"]} == {"yes"}


def test_an_api_by_route_has_a_policy_for_each_route_that_is_reached(admin: Admin, folder: Path) -> None:
    shown = admin("policy", "show", "--api", "orgs", "--scope", "org member", "--json").json
    assert shown["mode"] == "by route"
    assert shown["causes"].keys() == {"member org"}
    assert "cannot be told apart" in shown["why"]
    member = "/orgs/{o}/teams/{t}/members/{m}"
    assert shown["policies"].keys() == {"GET /orgs/{o}", f"GET {member}", f"HEAD {member}"}


def test_for_people_it_is_a_table_a_reason_and_the_policy(admin: Admin, folder: Path) -> None:
    shown = admin("policy", "show", "--api", "orgs", "--scope", "org")
    assert "GET /orgs/{o}" in shown.out
    assert "An organization." in shown.out
    assert "orgs is guarded by one policy for each route, 4 routes:" in shown.out
    assert "[member org]" in shown.out
    assert '"Effect": "Allow"' in shown.out


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("--api", "nothing"), "there is no chalicelib/guarded/nothing.json"),
        (("--api", "bad"), "FETCH /a: no such method"),
        (("--scope", "a  b"), "--scope takes scopes"),
    ],
)
def test_what_cannot_be_shown_is_refused_in_one_line(
    admin: Admin, folder: Path, arguments: tuple[str, ...], line: str
) -> None:
    refused = admin("policy", "show", *arguments)
    assert (refused.status, refused.out) == (1, "")
    assert line in refused.err
    assert guarded_apis.OWN == "gatehouse"
