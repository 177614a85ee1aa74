"""POST /logout: this session ends."""

from chalicelib.model import User
from chalicelib.services import Services
from tests.conftest import new_user
from tests.support.client import Client, Clock, bearer


def test_the_refresh_token_is_dead_afterwards(client: Client, user: User) -> None:
    tokens = client.sign_in(user.username).json
    reply = client.send("POST", "/logout", bearer(tokens["access_token"]))
    assert (reply.status, reply.body) == (204, b"")
    assert reply.headers["cache-control"] == "no-store"
    refused = client.refresh(tokens["refresh_token"])
    assert refused.problem() == (401, "The refresh token is invalid or expired.")
    assert refused.headers["www-authenticate"] == 'Bearer realm="gatehouse", error="invalid_token"'


def test_a_successor_is_dead_too(client: Client, user: User) -> None:
    first = client.sign_in(user.username).json
    second = client.refresh(first["refresh_token"]).json
    client.send("POST", "/logout", bearer(first["access_token"]))
    assert client.refresh(second["refresh_token"]).status == 401
    assert client.refresh(first["refresh_token"]).status == 401


def test_the_cookie_is_cleared(client: Client, user: User) -> None:
    reply = client.send("POST", "/logout", bearer(client.access_token(user.username)))
    cookie = reply.cookie
    assert (cookie.key, cookie.value, cookie["max-age"]) == ("__Host-gatehouse-refresh", "", "0")
    assert (cookie["path"], cookie["samesite"]) == ("/", "Strict")
    assert (cookie["secure"], cookie["httponly"]) == (True, True)


def test_other_sessions_go_on(client: Client, services: Services, user: User) -> None:
    mine, other = client.sign_in(user.username).json, client.sign_in(user.username).json
    somebodys = client.sign_in(new_user(services).username).json
    client.send("POST", "/logout", bearer(mine["access_token"]))
    for tokens in (other, somebodys):
        assert client.refresh(tokens["refresh_token"]).status == 200


def test_the_session_says_when_and_why_it_ended(client: Client, user: User, clock: Clock) -> None:
    clock.now = 1_800_000_000
    ended, living = client.access_token(user.username), client.access_token(user.username)
    session_id = client.get("/me", ended).json["session_id"]
    clock.advance(60)
    client.send("POST", "/logout", bearer(ended))
    listed = {session["session_id"]: session for session in client.get("/me/sessions", living).json["sessions"]}
    assert (listed[session_id]["ended_at"], listed[session_id]["reason"]) == ("2027-01-15T08:01:00Z", "logout")
    assert [session["session_id"] for session in listed.values() if "ended_at" in session] == [session_id]


def test_a_user_without_scopes_can_log_out(client: Client, services: Services) -> None:
    user = new_user(services, scope="")
    assert client.send("POST", "/logout", bearer(client.access_token(user.username))).status == 204
