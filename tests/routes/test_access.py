"""The access table and the served routes are one set, and nobody passes without what the table asks for."""

import json
import re
from collections.abc import Mapping
from itertools import product
from typing import Any

import pytest

from app import app
from chalicelib import access_table
from chalicelib.access_table import ACCESS_TABLE, Access, Kind, guarded
from chalicelib.authorizer import gate
from chalicelib.model import User
from chalicelib.scope import serialize
from chalicelib.services import Services
from chalicelib.web.protected_blueprint import ProtectedBlueprint, UnprotectedRouteError
from infra.local.gateway import Gateway
from tests.conftest import ADMIN_SCOPE, new_user
from tests.support.client import Client, basic, bearer

UNAUTHORIZED = (401, "A valid access token is required.")
DENIED = (403, "The access token does not allow this request.")
ENDED = (401, "The access token is invalid or expired.")

# In this stage signing up is open.
PROTECTED = [each for each in guarded() if (each.method, each.path) != ("POST", "/users")]
SCOPED = [entry for entry in PROTECTED if entry.any_of | entry.all_of]


def named(entry: Access) -> str:
    return f"{entry.method} {entry.path}"


def target(entry: Access) -> str:
    return re.sub(r"\{[^}]*\}", "a1", entry.path)


protected = pytest.mark.parametrize("entry", PROTECTED, ids=named)
scoped = pytest.mark.parametrize("entry", SCOPED, ids=named)


# --- One set


def test_the_table_and_the_public_routes_are_what_is_served() -> None:
    served = {(method, path) for path, methods in app.routes.items() for method in methods if method != "OPTIONS"}
    assert served == {(each.method, each.path) for each in ACCESS_TABLE}


def test_a_route_has_the_gates_authorizer_where_the_table_says_guarded_and_else_none() -> None:
    for path, methods in app.routes.items():
        for method, route in methods.items():
            found = access_table.entry(method, path, open_sign_up=True)
            assert found is not None
            assert route.authorizer is (gate if found.kind is Kind.GUARDED else None), f"{method} {path}"


def test_a_route_without_the_gate_says_who_checks_its_caller() -> None:
    assert {each.kind for each in ACCESS_TABLE} == set(Kind)
    assert all(each.checked_by not in ("", "the gate") for each in ACCESS_TABLE if each.kind is not Kind.GUARDED)


@pytest.mark.parametrize("register", ["get", "post", "put", "delete"])
def test_a_route_without_an_entry_is_refused_at_once(register: str) -> None:
    door = ProtectedBlueprint(__name__)
    with pytest.raises(UnprotectedRouteError, match="/no-entry"):
        getattr(door, register)("/no-entry")


@pytest.mark.parametrize("path", ["/me/", "/Me", "/comments/{id}", "/comments/{comment_id}/flags"])
def test_an_entry_is_for_one_method_and_one_path_as_written(path: str) -> None:
    with pytest.raises(UnprotectedRouteError):
        ProtectedBlueprint(__name__).get(path)


# --- Through the gateway


@protected
def test_no_token_is_401(client: Client, entry: Access) -> None:
    reply = client.send(entry.method, target(entry))
    assert reply.problem() == UNAUTHORIZED
    assert reply.headers["www-authenticate"] == 'Bearer realm="gatehouse"'


def test_a_bad_token_is_401(client: Client, user: User) -> None:
    token = client.access_token(user.username)
    header, payload, signature = token.split(".")
    changed = payload[:-1] + ("A" if payload[-1] != "A" else "B")
    altered = ("x", f"{header}.{changed}.{signature}", f"{header}.{payload}.", token[:-4], f"{token}.")
    for entry, bad in product(PROTECTED, altered):
        reply = client.send(entry.method, target(entry), bearer(bad))
        assert reply.problem() == UNAUTHORIZED, named(entry)
        assert reply.headers["www-authenticate"] == 'Bearer realm="gatehouse"'


def test_a_refresh_token_and_a_password_are_no_access_tokens(client: Client, user: User) -> None:
    refresh_token = client.sign_in(user.username).json["refresh_token"]
    for entry, other in product(PROTECTED, (bearer(refresh_token), basic(user.username, "demo-password"))):
        assert client.send(entry.method, target(entry), other).problem() == UNAUTHORIZED, named(entry)


@scoped
def test_a_token_without_the_scope_is_403(client: Client, services: Services, entry: Access) -> None:
    enough = entry.any_of | entry.all_of
    user = new_user(services, " ".join(word for word in ADMIN_SCOPE.split() if word not in enough))
    reply = client.send(entry.method, target(entry), bearer(client.access_token(user.username)))
    assert reply.problem() == DENIED
    assert reply.headers["www-authenticate"] == 'Bearer realm="gatehouse", error="insufficient_scope"'


@protected
def test_a_token_with_the_scope_alone_gets_through(client: Client, services: Services, entry: Access) -> None:
    user = new_user(services, serialize(entry.any_of | entry.all_of))
    reply = client.send(entry.method, target(entry), bearer(client.access_token(user.username)))
    assert reply.status in (200, 201, 204, 400, 404)


@pytest.mark.parametrize("path", ["/comments/a1/history/", "/comments/a1%2Fhistory", "/comments/a1//history"])
def test_no_spelling_of_a_path_opens_what_the_scope_does_not(client: Client, user: User, path: str) -> None:
    assert client.get(path, client.access_token(user.username)).problem()[0] in (403, 404)


# --- The API's own look, whatever the gate let through


Direct = tuple[int, Any, dict[str, str]]


def direct(entry: Access, authorizer: Mapping[str, object] | None) -> Direct:
    """Status, body and headers of the API function, called as if the policy had let this through."""
    context: dict[str, object] = {
        "httpMethod": entry.method,
        "resourcePath": entry.path,
        "apiId": "a",
        "stage": "api",
        "identity": {"sourceIp": "192.0.2.7"},
    }
    if authorizer is not None:
        context["authorizer"] = authorizer
    parameters = dict.fromkeys(re.findall(r"\{([^}]*)\}", entry.path), "a1")
    event = {
        "resource": entry.path,
        "path": target(entry),
        "httpMethod": entry.method,
        "headers": {},
        "multiValueHeaders": {},
        "multiValueQueryStringParameters": None,
        "pathParameters": parameters or None,
        "stageVariables": None,
        "body": None,
        "isBase64Encoded": False,
        "requestContext": context,
    }
    answer = app(event, None)
    headers = {name.lower(): str(value) for name, value in answer["headers"].items()}
    return answer["statusCode"], json.loads(answer["body"] or "null"), headers


def told(services: Services, **changes: object) -> dict[str, object]:
    """What the gate says of a token that may do everything, with `changes`; `None` leaves a value out."""
    context: dict[str, object] = {
        "principalId": "AAAAAAAAAAAAAAAAAAAAAA",
        "sub": "AAAAAAAAAAAAAAAAAAAAAA",
        "client_id": "gatehouse",
        "scope": ADMIN_SCOPE,
        "jti": "1",
        "exp": str(services.now() + 1),
        "kid": "1",
        "sid": "AAAAAAAAAAAAAAAAAAAAAA",
        "username": "nobody",
        "session_epoch": "0",
        "claims": "{}",
    }
    return {name: value for name, value in {**context, **changes}.items() if value is not None}


@pytest.fixture
def served(services: Services) -> Services:
    """The services, and the app with a request for each thread, as the gateway makes it."""
    Gateway(app)
    return services


def assert_problem(answer: Direct, expected: tuple[int, str], challenge: str) -> None:
    status, body, headers = answer
    assert (status, body["detail"]) == expected
    assert headers["content-type"] == "application/problem+json"
    assert headers["www-authenticate"] == challenge


INVALID_TOKEN = 'Bearer realm="gatehouse", error="invalid_token"'


@protected
def test_a_context_without_the_scope_is_refused(served: Services, entry: Access) -> None:
    if entry not in SCOPED:
        assert direct(entry, told(served, scope=""))[0] in (200, 204)
        return
    without = " ".join(word for word in ADMIN_SCOPE.split() if word not in entry.any_of | entry.all_of)
    answer = direct(entry, told(served, scope=without))
    assert_problem(answer, DENIED, 'Bearer realm="gatehouse", error="insufficient_scope"')


@protected
def test_a_context_that_has_expired_is_refused(served: Services, entry: Access) -> None:
    assert_problem(direct(entry, told(served, exp=str(served.now()))), ENDED, INVALID_TOKEN)


@protected
def test_a_context_that_no_gate_of_ours_gave_is_refused(served: Services, entry: Access) -> None:
    for context in (None, {}, {"principalId": "somebody"}, {"claims": {"scope": ADMIN_SCOPE}}):
        assert_problem(direct(entry, context), ENDED, INVALID_TOKEN)


@pytest.mark.parametrize(
    "changes",
    [
        {"sub": None},
        {"scope": None},
        {"exp": None},
        {"claims": None},
        {"exp": "soon"},
        {"exp": ""},
        {"session_epoch": "x"},
        {"scope": 'a"b'},
        {"claims": "{"},
    ],
    ids=str,
)
def test_a_context_that_cannot_be_read_is_refused(served: Services, changes: dict[str, object]) -> None:
    entry = Access("GET", "/me")
    assert_problem(direct(entry, told(served, **changes)), ENDED, INVALID_TOKEN)


def test_a_route_without_an_entry_answers_nothing(served: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chalicelib.access_table.entry", lambda *_, **__: None)
    status, body, _ = direct(Access("GET", "/me"), told(served))
    assert (status, body["detail"]) == (404, "There is nothing here.")


def test_the_route_counts_and_not_the_path(served: Services) -> None:
    history = Access("GET", "/comments/{comment_id}/history")
    status, _, _ = direct(history, told(served, scope="comments:read"))
    assert status == 403


def test_a_claim_of_the_record_does_not_pass_for_a_session_or_a_name(served: Services) -> None:
    context = told(served, sid=None, username=None, claims='{"session_id": "x", "username": "x"}')
    status, body, _ = direct(Access("GET", "/me"), context)
    assert status == 200
    assert not {"session_id", "username"} & body.keys()
