"""POST /tokens/refresh: from a refresh token to the next pair, and nothing lost."""

from collections.abc import Callable

import pytest

from chalicelib import base64url
from chalicelib.keys.material import HmacKey
from chalicelib.model import User
from chalicelib.services import Services
from chalicelib.tokens import refresh_token
from chalicelib.tokens.refresh_token import RefreshToken
from tests.conftest import connect, disable, new_user, set_scope
from tests.support.client import Client, Clock, Reply, bearer

DAY = 86_400
GRACE = 60
ALL = "account comments:read comments:write"
PAGE = {"Origin": "https://pages.example"}
INVALID = (401, "The refresh token is invalid or expired.")


def assert_refused(reply: Reply) -> None:
    assert reply.problem() == INVALID
    assert reply.headers["www-authenticate"] == 'Bearer realm="gatehouse", error="invalid_token"'
    assert reply.headers["cache-control"] == "no-store"
    assert "set-cookie" not in reply.headers


def in_cookie(token: str) -> dict[str, str]:
    return {"Cookie": f"theme=dark; __Host-gatehouse-refresh={token}; last=1"}


@pytest.fixture
def token(client: Client, user: User) -> str:
    """The first refresh token of a session."""
    text: str = client.sign_in(user.username).json["refresh_token"]
    return text


def next_of(client: Client, token: str) -> str:
    text: str = client.refresh(token).json["refresh_token"]
    return text


# --- The four forms

FORMS: dict[str, Callable[[Client, str], Reply]] = {
    "form": lambda client, token: client.refresh(token),
    "json": lambda client, token: client.json("/tokens/refresh", {"refresh_token": token}),
    "text": lambda client, token: client.send("POST", "/tokens/refresh", {"Content-Type": "text/plain"}, token),
    "cookie": lambda client, token: client.send("POST", "/tokens/refresh", {**in_cookie(token), **PAGE}),
}
IN_BODY = [form for name, form in FORMS.items() if name != "cookie"]


@pytest.mark.parametrize("form", IN_BODY)
def test_a_token_in_the_body_is_answered_in_the_body(
    client: Client, token: str, form: Callable[[Client, str], Reply]
) -> None:
    reply = form(client, token)
    assert reply.status == 200
    assert set(reply.json) == {"access_token", "token_type", "expires_in", "refresh_token", "scope"}
    assert (reply.json["token_type"], reply.json["expires_in"], reply.json["scope"]) == ("Bearer", 900, ALL)
    assert reply.headers["cache-control"] == "no-store"
    assert client.get("/me", reply.json["access_token"]).status == 200
    assert client.refresh(reply.json["refresh_token"]).status == 200


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_any_other_text_is_refused_in_every_form(client: Client, form: Callable[[Client, str], Reply]) -> None:
    for text in ("gtr_", "gtr_" + "A" * 118, "x" * 10_000, "null"):
        assert_refused(form(client, text))


def test_text_may_have_a_charset_and_a_line_end(client: Client, token: str) -> None:
    reply = client.send("POST", "/tokens/refresh", {"Content-Type": "Text/Plain; charset=utf-8"}, f"{token}\r\n")
    assert reply.status == 200


@pytest.mark.parametrize("body", [b"", b"scope=account", b"refresh_token="])
def test_no_refresh_token_at_all_is_401(client: Client, body: bytes) -> None:
    assert_refused(
        client.send("POST", "/tokens/refresh", {"Content-Type": "application/x-www-form-urlencoded"}, body)
    )


def test_a_bearer_token_is_no_refresh_token(client: Client, user: User) -> None:
    access_token = client.access_token(user.username)
    assert_refused(client.refresh(access_token))
    assert_refused(client.send("POST", "/tokens/refresh", bearer(access_token)))


# --- Rotation, replay and reuse


def test_a_replay_within_the_grace_gets_the_same_token_again(client: Client, token: str, clock: Clock) -> None:
    successor = next_of(client, token)
    clock.advance(GRACE)
    assert next_of(client, token) == successor
    assert client.refresh(successor).status == 200


def test_a_replay_after_the_grace_ends_the_session(client: Client, token: str, clock: Clock) -> None:
    successor = next_of(client, token)
    clock.advance(GRACE + 1)
    assert_refused(client.refresh(token))
    assert_refused(client.refresh(successor))


def test_a_token_from_two_generations_ago_ends_the_session_at_once(client: Client, token: str) -> None:
    newest = next_of(client, next_of(client, token))
    assert_refused(client.refresh(token))
    assert_refused(client.refresh(newest))


def test_reuse_leaves_the_users_other_sessions_alone(client: Client, user: User, token: str) -> None:
    other = client.sign_in(user.username).json["refresh_token"]
    next_of(client, next_of(client, token))
    assert_refused(client.refresh(token))
    assert client.refresh(other).status == 200


def test_the_access_token_keeps_its_session(client: Client, token: str, user: User) -> None:
    first = client.refresh(token).json
    second = client.refresh(first["refresh_token"]).json
    sessions = {client.get("/me", answer["access_token"]).json["session_id"] for answer in (first, second)}
    assert len(sessions) == 1


# --- Lifetimes


def test_the_idle_lifetime_slides(client: Client, token: str, clock: Clock) -> None:
    for _ in range(3):
        clock.advance(14 * DAY - 1)
        token = next_of(client, token)


def test_a_session_that_nobody_used_is_over(client: Client, token: str, clock: Clock) -> None:
    clock.advance(14 * DAY)
    assert_refused(client.refresh(token))


def test_no_session_outlives_its_absolute_lifetime(client: Client, token: str, clock: Clock) -> None:
    for _ in range(8):
        clock.advance(11 * DAY)
        token = next_of(client, token)
    clock.advance(2 * DAY - 1)
    token = next_of(client, token)
    clock.advance(1)
    assert_refused(client.refresh(token))


# --- Scope and the user's record


def test_a_session_that_asked_for_nothing_follows_the_user(
    client: Client, services: Services, user: User, token: str
) -> None:
    set_scope(services, user, "comments:read users:write")
    reply = client.refresh(token)
    assert reply.json["scope"] == "comments:read users:write"
    set_scope(services, user, "")
    assert client.refresh(reply.json["refresh_token"]).json["scope"] == ""


def test_a_session_that_asked_keeps_to_what_it_asked(client: Client, services: Services, user: User) -> None:
    token = client.sign_in(user.username, scope="comments:read users:write").json["refresh_token"]
    set_scope(services, user, "comments:write users:write")
    reply = client.refresh(token)
    assert reply.json["scope"] == "users:write"
    set_scope(services, user, "comments:read comments:write")
    assert client.refresh(reply.json["refresh_token"]).json["scope"] == "comments:read"


def test_a_scope_at_a_refresh_narrows_one_token_alone(client: Client, token: str) -> None:
    reply = client.refresh(token, scope="comments:read users:write")
    assert reply.json["scope"] == "comments:read"
    assert client.get("/me", reply.json["access_token"]).json["scope"] == "comments:read"
    assert client.refresh(reply.json["refresh_token"]).json["scope"] == ALL


def test_a_disabled_user_gets_nothing(client: Client, services: Services, user: User, token: str) -> None:
    disable(services, user)
    assert_refused(client.refresh(token))


# --- Tokens that are none of this session's


def _altered(token: str, services: Services) -> str:
    return token[:60] + ("A" if token[60] != "A" else "B") + token[61:]


def _of_another_secret(token: str, services: Services) -> str:
    read = refresh_token.read(token, services.keys, services.now())
    changed = RefreshToken(read.sub, read.session_id, b"\0" * 16, read.generation)
    return refresh_token.mint(changed, services.keys.hmac_key(services.now()))


def _of_another_key(token: str, services: Services) -> str:
    read = refresh_token.read(token, services.keys, services.now())
    return refresh_token.mint(read, HmacKey(services.keys.hmac_key(services.now()).kid, b"\0" * 32))


def _of_an_unknown_key(token: str, services: Services) -> str:
    read = refresh_token.read(token, services.keys, services.now())
    return refresh_token.mint(read, HmacKey("ffffffff", b"\0" * 32))


def _of_an_unknown_session(token: str, services: Services) -> str:
    read = refresh_token.read(token, services.keys, services.now())
    changed = RefreshToken(read.sub, base64url.encode(b"\0" * 16), read.secret, read.generation)
    return refresh_token.mint(changed, services.keys.hmac_key(services.now()))


def _of_another_users_session(token: str, services: Services) -> str:
    read = refresh_token.read(token, services.keys, services.now())
    changed = RefreshToken(new_user(services).sub, read.session_id, read.secret, read.generation)
    return refresh_token.mint(changed, services.keys.hmac_key(services.now()))


def _of_a_later_generation(token: str, services: Services) -> str:
    read = refresh_token.read(token, services.keys, services.now())
    return refresh_token.mint(read.successor(), services.keys.hmac_key(services.now()))


def _of_the_last_generation(token: str, services: Services) -> str:
    read = refresh_token.read(token, services.keys, services.now())
    changed = RefreshToken(read.sub, read.session_id, read.secret, refresh_token.MAX_GENERATION)
    return refresh_token.mint(changed, services.keys.hmac_key(services.now()))


@pytest.mark.parametrize(
    "made",
    [
        lambda token, _: token[:-1],
        lambda token, _: token[:-40],
        lambda token, _: token + "A",
        lambda token, _: token + "=",
        lambda token, _: token.removeprefix("gtr_"),
        lambda token, _: token.upper(),
        lambda token, _: f"{token}\0",
        _altered,
        _of_another_secret,
        _of_another_key,
        _of_an_unknown_key,
        _of_an_unknown_session,
        _of_another_users_session,
        _of_a_later_generation,
        _of_the_last_generation,
    ],
)
def test_another_token_is_refused_and_the_session_goes_on(
    client: Client,
    services: Services,
    token: str,
    made: Callable[[str, Services], str],
    contents: Callable[[], list[str]],
) -> None:
    other = made(token, services)
    before = contents()
    assert_refused(client.refresh(other))
    assert contents() == before
    assert client.refresh(token).status == 200


def test_a_session_of_another_client_is_refused(
    client: Client, services: Services, token: str, contents: Callable[[], list[str]]
) -> None:
    read = refresh_token.read(token, services.keys, services.now())
    connect("dynamodb").update_item(
        TableName=services.settings.sessions_table,
        Key={"sub": {"S": read.sub}, "session_id": {"S": read.session_id}},
        UpdateExpression="SET client_id = :other",
        ExpressionAttributeValues={":other": {"S": "demo-spa"}},
    )
    before = contents()
    assert_refused(client.refresh(token))
    assert contents() == before


def test_the_session_of_a_user_who_is_gone_is_refused(
    client: Client, services: Services, user: User, token: str
) -> None:
    connect("dynamodb").delete_item(TableName=services.settings.users_table, Key={"pk": {"S": f"sub:{user.sub}"}})
    assert_refused(client.refresh(token))
