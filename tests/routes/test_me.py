"""GET /me: the account as its token tells it."""

from typing import Any

from chalicelib.model import User
from chalicelib.services import Services
from tests.conftest import connect, new_user, set_scope
from tests.support.client import Client, Clock


def test_it_tells_what_the_token_says(client: Client, user: User) -> None:
    reply = client.get("/me", client.access_token(user.username, scope="comments:read"))
    assert reply.status == 200
    assert reply.headers["cache-control"] == "no-store"
    session_id = reply.json.pop("session_id")
    told = {name: value for name, value in reply.json.items() if name != "session_id"}
    assert told == {
        "sub": user.sub,
        "username": user.username,
        "client_id": "gatehouse",
        "scope": "comments:read",
    }
    assert isinstance(session_id, str)


def test_the_records_claims_arrive_with_their_types(client: Client, services: Services) -> None:
    own: dict[str, object] = {
        "text": 'Zo\u00eb "quoted" \U0001f600',
        "whole": -3,
        "large": 2**53,
        "fraction": 0.5,
        "yes": True,
        "no": False,
        "empty": "",
        "list": [1, "a", [], {"b": None}],
        "nested": {"deep": {"deeper": [True]}},
        "username": "another",
        "session_id": "another",
    }
    user = new_user(services, claims=own)
    told = client.get("/me", client.access_token(user.username)).json
    assert {name: told[name] for name in own if name not in ("username", "session_id")} == {
        name: value for name, value in own.items() if name not in ("username", "session_id")
    }
    assert type(told["whole"]) is int
    assert type(told["yes"]) is bool
    assert told["username"] == user.username
    assert told["session_id"] != "another"


def test_a_claim_of_null_is_told_too(client: Client, services: Services) -> None:
    user = new_user(services, claims={"nothing": None})
    assert client.get("/me", client.access_token(user.username)).json["nothing"] is None


def test_the_records_claims_replace_no_registered_one(client: Client, services: Services) -> None:
    false: dict[str, object] = {
        "iss": "x", "sub": "x", "aud": "x", "exp": 1, "nbf": 2**40, "iat": 1, "jti": "x", "client_id": "x",
        "scope": "users:write", "sid": "x", "preferred_username": "x", "session_epoch": 9, "roles": ["x"],
    }  # fmt: skip
    user = new_user(services, claims=false)
    reply = client.get("/me", client.access_token(user.username))
    assert reply.status == 200
    assert (reply.json["sub"], reply.json["client_id"]) == (user.sub, "gatehouse")
    assert reply.json["scope"] == "account comments:read comments:write"
    assert set(reply.json) == {"sub", "username", "client_id", "scope", "session_id"}


def test_no_database_is_asked(client: Client, user: User) -> None:
    token = client.access_token(user.username)
    calls: list[str] = []

    def note(model: Any, **_: object) -> None:
        calls.append(model.name)

    clients = (connect("dynamodb"), connect("kms"))
    for aws in clients:
        aws.meta.events.register("before-call", note)
    try:
        assert client.get("/me", token).status == 200
        assert calls == []
        client.get("/comments", token)
        assert calls == ["Query"]
    finally:
        for aws in clients:
            aws.meta.events.unregister("before-call", note)


def test_the_token_tells_of_the_user_as_they_were(client: Client, services: Services, user: User) -> None:
    tokens = client.sign_in(user.username).json
    set_scope(services, user, "")
    assert client.get("/me", tokens["access_token"]).json["scope"] == "account comments:read comments:write"
    refreshed = client.refresh(tokens["refresh_token"]).json
    assert client.get("/me", refreshed["access_token"]).json["scope"] == ""


def test_a_token_holds_for_fifteen_minutes(client: Client, user: User, clock: Clock) -> None:
    token = client.access_token(user.username)
    clock.advance(899)
    assert client.get("/me", token).status == 200
    clock.advance(1)
    assert client.get("/me", token).status == 401


def test_an_expired_token_says_so_while_the_gates_answer_is_kept(client: Client, user: User, clock: Clock) -> None:
    token = client.access_token(user.username)
    clock.advance(700)
    assert client.get("/me", token).status == 200  # the gate's answer is kept from here on
    clock.advance(200)
    reply = client.get("/me", token)
    assert reply.problem() == (401, "The access token is invalid or expired.")
    assert reply.headers["www-authenticate"] == 'Bearer realm="gatehouse", error="invalid_token"'
    clock.advance(300)
    assert client.get("/me", token).headers["www-authenticate"] == 'Bearer realm="gatehouse"'
