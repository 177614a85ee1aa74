"""The access table marks the routes that hash a password: those that do, and no others."""

import re
from collections.abc import Callable

import pytest

from chalicelib import access_table
from chalicelib.access_table import ACCESS_TABLE, Access
from chalicelib.accounts.password import Passwords
from chalicelib.services import Services
from tests.conftest import ADMIN_SCOPE, new_user
from tests.support.callers import SignedIn, sign_in
from tests.support.client import Client, Reply, basic, bearer

BODIES = {
    "/users": {"username": "zoe", "email": "zoe@example.com", "password": "a quiet sentence"},
    "/me/password": {"current_password": "demo-password", "new_password": "a quiet sentence"},
    "/comments": {"message": "hello"},
}


@pytest.fixture
def derived(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Grows by one entry for each password that is hashed or compared with a hash."""
    calls: list[str] = []

    def counted(name: str, original: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object) -> object:
            calls.append(name)
            return original(*arguments)

        return call

    for name in ("hash", "verify"):
        monkeypatch.setattr(Passwords, name, counted(name, getattr(Passwords, name)))
    return calls


@pytest.fixture
def admin(client: Client, services: Services) -> SignedIn:
    return sign_in(client, new_user(services, ADMIN_SCOPE))


def asked(admin: SignedIn, entry: Access) -> Reply:
    """The answer to a request for the route with all that it asks for."""
    match entry.path:
        case "/tokens":
            return admin.client.form("/tokens", basic("somebody", "a wrong password"))
        case "/tokens/refresh":
            return admin.refresh()
    made = admin.client.json("/comments", {"message": "hello"}, bearer(admin.access_token)).json["comment_id"]
    target = re.sub(r"\{comment_id\}", made, entry.path).replace("{session_id}", admin.session_id)
    token, body = bearer(admin.access_token), BODIES.get(entry.path)
    if body is None or entry.method in {"GET", "DELETE"}:
        return admin.client.send(entry.method, target, token)
    return admin.client.json(target, body, token, entry.method)


@pytest.mark.parametrize("entry", ACCESS_TABLE, ids=lambda entry: f"{entry.method} {entry.path}")
def test_a_route_hashes_a_password_where_the_table_says_so(
    admin: SignedIn, derived: list[str], entry: Access
) -> None:
    derived.clear()
    reply = asked(admin, entry)
    assert reply.status == 401 if entry.path == "/tokens" else reply.status < 300
    assert bool(derived) is (entry in access_table.hashing())
