"""Every route that hashes a password is limited for each network, before it hashes."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from chalicelib import access_table
from chalicelib.accounts.password import Passwords
from chalicelib.services import Services, install
from chalicelib.telemetry.events import EventName
from tests.conftest import ADMIN_SCOPE, new_user
from tests.support.aws_calls import failing
from tests.support.callers import at, serve
from tests.support.client import Client, Clock, Reply, bearer
from tests.support.recorder import Recorder

TOO_MANY = (429, "Too many attempts. Please try again later.")
LIMIT = 4


@pytest.fixture
def limited(services: Services) -> Services:
    """Services that let one network hash four times."""
    return serve(
        services,
        hashing_requests_of_address=LIMIT,
        sign_in_failures=LIMIT,
        sign_in_failures_of_address=LIMIT,
    )


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Each derivation of a key from a password."""
    derived: list[str] = []
    for name in ("hash", "verify"):
        _spy(monkeypatch, name, derived)
    return derived


def _spy(monkeypatch: pytest.MonkeyPatch, name: str, derived: list[str]) -> None:
    original = getattr(Passwords, name)

    def spy(self: Passwords, *arguments: object) -> object:
        derived.append(name)
        return original(self, *arguments)

    monkeypatch.setattr(Passwords, name, spy)


Send = Callable[[Client, Services, str, int], Reply]
"""Sends the request of a number, with the access token of an administrator."""

ROUTES: dict[tuple[str, str], Send] = {
    ("POST", "/tokens"): lambda client, _, __, number: client.sign_in(f"nobody-{number}", "wrong password"),
    ("POST", "/users"): lambda client, _, __, number: sign_up(client, number),
    ("PUT", "/me/password"): lambda client, _, token, number: client.json(
        "/me/password",
        {"current_password": "wrong", "new_password": f"a new password {number}"},
        bearer(token),
        "PUT",
    ),
}


def sign_up(client: Client, number: int, email: str = "") -> Reply:
    account = {
        "username": f"somebody-{number}",
        "email": email or f"{number}@example.com",
        "password": "a quiet sentence",
    }
    return client.json("/users", account)


def test_the_list_is_that_of_the_access_table() -> None:
    assert set(ROUTES) == {(entry.method, entry.path) for entry in access_table.hashing()}


@pytest.mark.parametrize("route", ROUTES)
def test_past_its_limit_a_network_has_nothing_hashed(
    client: Client, limited: Services, route: tuple[str, str], hashed: list[str]
) -> None:
    token = client.access_token(new_user(limited, ADMIN_SCOPE).username)
    statuses = [ROUTES[route](client, limited, token, number).status for number in range(LIMIT)]
    assert 429 not in statuses
    hashed.clear()
    for number in range(LIMIT, LIMIT + 3):
        reply = ROUTES[route](client, limited, token, number)
        assert reply.status == 429
        assert int(reply.headers["retry-after"]) == 300
    assert hashed == []
    assert ROUTES[route](at(client, "192.0.2.8"), limited, token, 99).status != 429


@pytest.mark.parametrize("route", [route for route in ROUTES if route != ("POST", "/tokens")])
def test_what_cannot_be_counted_is_not_hashed(
    client: Client, limited: Services, route: tuple[str, str], hashed: list[str]
) -> None:
    token = client.access_token(new_user(limited, ADMIN_SCOPE).username)
    hashed.clear()
    with failing("UpdateItem"):
        assert ROUTES[route](client, limited, token, 0).status == 503
    assert hashed == []


@pytest.mark.usefixtures("limited")
def test_a_site_is_one_network(client: Client) -> None:
    """RFC 6177: whoever has a /64 has all of its addresses."""
    replies = [sign_up(at(client, f"2001:db8::{number:x}"), number) for number in range(LIMIT + 1)]
    assert [reply.status for reply in replies] == [201] * LIMIT + [429]
    assert replies[-1].problem() == TOO_MANY


@pytest.mark.usefixtures("services")
def test_whether_an_address_has_an_account_is_asked_ten_times_at_most(client: Client, hashed: list[str]) -> None:
    assert sign_up(client, 0, "taken@example.com").status == 201
    statuses = [sign_up(client, number, "Taken@EXAMPLE.com").status for number in range(1, 40)]
    assert statuses == [409] * 9 + [429] * 30
    assert len(hashed) == 10
    assert sign_up(client, 40).status == 201


@pytest.mark.usefixtures("limited")
def test_a_window_later_it_may_go_on(client: Client, clock: Clock) -> None:
    for number in range(LIMIT):
        sign_up(client, number)
    assert sign_up(client, LIMIT).headers["retry-after"] == "300"
    clock.advance(300)
    assert sign_up(client, LIMIT).status == 201


@pytest.mark.usefixtures("limited")
def test_a_refusal_says_nothing_of_what_is_there(client: Client) -> None:
    for number in range(LIMIT):
        sign_up(client, number, "taken@example.com")
    taken, free = sign_up(client, 0, "taken@example.com"), sign_up(client, 50, "free@example.com")
    assert taken.problem() == free.problem() == TOO_MANY
    assert taken.body == free.body


def test_a_refusal_is_recorded(client: Client, limited: Services) -> None:
    recorder = Recorder()
    install(replace(limited, telemetry=recorder))
    for number in range(LIMIT + 1):
        sign_up(client, number)
    (event,) = recorder.named(EventName.REQUEST_THROTTLED)
    assert (event.reason, event.sub) == ("POST /users", None)
