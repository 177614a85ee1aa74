"""POST /tokens/refresh by cookie: for the pages that the stage allows, and never into their reach."""

import json
from collections.abc import Callable
from urllib.parse import urlencode

import pytest

from chalicelib.model import User
from chalicelib.services import Services
from tests.conftest import new_user
from tests.routes.test_refresh import assert_refused, in_cookie
from tests.support.client import FROM_PAGE, WITHOUT_AN_ALLOWED_ORIGIN, Client, Reply


@pytest.fixture
def token(client: Client, user: User) -> str:
    """A refresh token, as a page would have it in its cookie."""
    return client.sign_in(user.username, headers=FROM_PAGE, refresh_token_in="cookie").cookie.value


def by_cookie(client: Client, token: str) -> Reply:
    return client.send("POST", "/tokens/refresh", {**in_cookie(token), **FROM_PAGE})


def test_a_refresh_by_cookie_answers_by_cookie(client: Client, token: str) -> None:
    reply = by_cookie(client, token)
    assert reply.status == 200
    assert set(reply.json) == {"access_token", "token_type", "expires_in", "scope"}
    cookie = reply.cookie
    assert (cookie.key, cookie["path"], cookie["domain"]) == ("__Host-gatehouse-refresh", "/", "")
    assert (cookie["secure"], cookie["httponly"], cookie["samesite"]) == (True, True, "Strict")
    assert by_cookie(client, cookie.value).status == 200


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"refresh_token": ""},
        {"refresh_token": None},
        {"refresh_token_in": "cookie"},
        {"refresh_token": "", "scope": "account"},
    ],
)
def test_no_body_brings_the_cookies_token_into_the_pages_reach(
    client: Client, token: str, fields: dict[str, object]
) -> None:
    reply = client.json("/tokens/refresh", fields, {**in_cookie(token), **FROM_PAGE})
    assert reply.status == 200
    assert "refresh_token" not in reply.json
    assert reply.cookie.value.startswith("gtr_")


def test_a_blank_text_leaves_it_to_the_cookie(client: Client, token: str) -> None:
    reply = client.send(
        "POST", "/tokens/refresh", {"Content-Type": "text/plain", **in_cookie(token), **FROM_PAGE}, " \n"
    )
    assert reply.status == 200
    assert "refresh_token" not in reply.json


@pytest.mark.parametrize("origin", ["https://pages.example", "https://gatehouse.example"])
def test_an_allowed_origin_may_refresh_by_cookie(client: Client, token: str, origin: str) -> None:
    assert client.send("POST", "/tokens/refresh", {**in_cookie(token), "Origin": origin}).status == 200


def test_no_other_origin_may(client: Client, token: str, contents: Callable[[], list[str]]) -> None:
    before = contents()
    for sent in WITHOUT_AN_ALLOWED_ORIGIN:
        assert_refused(client.send("POST", "/tokens/refresh", {**in_cookie(token), **sent}))
    assert contents() == before


def test_two_cookies_of_the_name_are_refused(client: Client, token: str) -> None:
    twice = f"__Host-gatehouse-refresh={token}; __Host-gatehouse-refresh={token}"
    assert_refused(client.send("POST", "/tokens/refresh", {"Cookie": twice, **FROM_PAGE}))


@pytest.mark.parametrize("media_type", ["application/x-www-form-urlencoded", "application/json", "text/plain"])
def test_a_token_in_the_body_wins_over_the_cookie(
    client: Client, services: Services, token: str, media_type: str
) -> None:
    other: str = client.sign_in(new_user(services).username).json["refresh_token"]
    written = {
        "application/x-www-form-urlencoded": urlencode({"refresh_token": token}),
        "application/json": json.dumps({"refresh_token": token}),
        "text/plain": token,
    }
    headers = {"Content-Type": media_type, **in_cookie(other)}
    reply = client.send("POST", "/tokens/refresh", headers, written[media_type])
    assert reply.status == 200
    assert (
        reply.json["refresh_token"] == client.refresh(token).json["refresh_token"]
    )  # the same again, in the grace
    assert "set-cookie" not in reply.headers


def test_a_bad_token_in_the_body_is_not_rescued_by_the_cookie(client: Client, token: str) -> None:
    assert_refused(client.json("/tokens/refresh", {"refresh_token": "gtr_x"}, {**in_cookie(token), **FROM_PAGE}))


def test_a_token_in_the_body_can_move_into_a_cookie(client: Client, token: str) -> None:
    reply = client.refresh(token, FROM_PAGE, refresh_token_in="cookie")
    assert "refresh_token" not in reply.json
    assert by_cookie(client, reply.cookie.value).status == 200


def test_no_other_page_has_somebody_elses_token_set(
    client: Client, token: str, contents: Callable[[], list[str]]
) -> None:
    before = contents()
    for sent in WITHOUT_AN_ALLOWED_ORIGIN:
        reply = client.refresh(token, sent, refresh_token_in="cookie")
        assert reply.problem() == (400, "The cookie is set for a page of an allowed Origin only.")
        assert "set-cookie" not in reply.headers
    assert contents() == before


def test_any_other_place_is_400(client: Client, token: str, contents: Callable[[], list[str]]) -> None:
    before = contents()
    reply = client.refresh(token, FROM_PAGE, refresh_token_in="body")
    assert reply.problem() == (400, "The field refresh_token_in must be cookie.")
    assert contents() == before
