"""POST /users: signing up."""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import replace

import pytest
from chalice import Chalice

from chalicelib import authorizer
from chalicelib.model import User
from chalicelib.routes import users
from chalicelib.routes.middleware import middleware
from chalicelib.services import Services, install
from chalicelib.web.protected_blueprint import ProtectedBlueprint
from infra.local.gateway import Gateway
from tests.support.client import Client, Reply, bearer

PASSWORD = "a good long password"
LENGTH = "The password must be 12 to 256 characters long."
GUESSED = "This password is too easily guessed."
MALFORMED_EMAIL = "The email address is malformed."
MALFORMED_NAME = "The username must be 1 to 64 characters, without colon, control characters or outer spaces."


def sign_up(client: Client, username: object = "zo\u00eb", **fields: object) -> Reply:
    account = {"username": username, "email": "zoe@example.com", "password": PASSWORD, **fields}
    return client.json("/users", account)


def test_the_new_user_can_sign_in(client: Client) -> None:
    reply = sign_up(client)
    assert reply.status == 201
    assert reply.headers["cache-control"] == "no-store"
    account = reply.json
    assert reply.headers["location"] == f"https://gatehouse.example/users/{account['sub']}"
    assert re.fullmatch("[A-Za-z0-9_-]{22}", account.pop("sub"))
    assert account == {
        "username": "zo\u00eb",
        "email": "zoe@example.com",
        "scope": "account comments:read comments:write",
    }
    assert client.sign_in("zo\u00eb", PASSWORD).json["scope"] == "account comments:read comments:write"


def test_a_form_will_do(client: Client) -> None:
    reply = client.form("/users", username="zoe", email="zoe@example.com", password=PASSWORD)
    assert reply.status == 201
    assert client.sign_in("zoe", PASSWORD).status == 200


def test_nobody_chooses_their_own_scope_or_id(client: Client) -> None:
    account = sign_up(client, scope="users:write", sub="x", disabled=True, claims={"a": 1}).json
    assert account["scope"] == "account comments:read comments:write"
    assert account["sub"] != "x"
    told = client.get("/me", client.sign_in("zo\u00eb", PASSWORD).json["access_token"]).json
    assert "a" not in told


# --- What is taken


@pytest.mark.parametrize("spelt", ["zo\u00eb", "ZO\u00cb", "zoe\u0308"])
def test_a_username_is_taken_however_it_is_spelt(
    client: Client, spelt: str, contents: Callable[[], list[str]]
) -> None:
    sign_up(client)
    before = contents()
    assert sign_up(client, spelt, email="b@example.com").problem() == (409, "This username already exists.")
    assert contents() == before


@pytest.mark.parametrize("spelt", ["zoe@example.com", "ZOE@Example.COM"])
def test_an_email_address_is_taken_however_it_is_spelt(
    client: Client, spelt: str, contents: Callable[[], list[str]]
) -> None:
    sign_up(client)
    before = contents()
    assert sign_up(client, "b", email=spelt).problem() == (409, "This email address already exists.")
    assert contents() == before
    assert client.sign_in("b", PASSWORD).status == 401


def test_a_refused_name_leaves_its_email_free(client: Client) -> None:
    sign_up(client)
    sign_up(client, email="b@example.com")
    assert sign_up(client, "b", email="b@example.com").status == 201


def looks_like_admin() -> list[str]:
    invisible = [f"admin{character}" for character in "\ufe0f\u034f\u115f\u3164\u17b4\U000e0100\u00a0\u3000"]
    alike = ["\uff41\uff44\uff4d\uff49\uff4e", "\u0430dmin", "adm\u0456n", "\u0410DMIN", "\U0001d41admin"]
    return invisible + alike


@pytest.mark.parametrize("username", looks_like_admin())
def test_nobody_signs_up_as_one_who_looks_like_another(
    client: Client, username: str, contents: Callable[[], list[str]]
) -> None:
    assert sign_up(client, "Admin").status == 201
    before = contents()
    refused = sign_up(client, username, email="b@example.com").problem()
    assert refused in [(400, MALFORMED_NAME), (409, "This username already exists.")]
    assert contents() == before


def test_a_look_alike_of_a_name_does_not_sign_in_for_it(client: Client) -> None:
    sign_up(client, "scope")
    assert client.sign_in("sc\u043epe", PASSWORD).status == 401
    assert client.sign_in("\uff33cope", PASSWORD).status == 200


def test_a_mailbox_in_two_spellings_is_one_account(client: Client) -> None:
    assert sign_up(client, email="a@m\u00fcnchen.example").json["email"] == "a@m\u00fcnchen.example"
    taken = (409, "This email address already exists.")
    assert sign_up(client, "b", email="A@xn--mnchen-3ya.example").problem() == taken


def test_two_mailboxes_are_two_accounts(client: Client) -> None:
    assert sign_up(client, email="a@stra\u00dfe.example").status == 201
    assert sign_up(client, "b", email="a@strasse.example").status == 201


# --- What is refused


@pytest.mark.parametrize(
    "username",
    ["", "a:b", "a\0", "a\nb", " a", "a ", "x" * 65, "x" * 10_000, "\u202ea", "\u200b", "\u2028", "\u00a0"],
)
def test_refused_usernames(client: Client, username: str, contents: Callable[[], list[str]]) -> None:
    assert sign_up(client, username).problem() == (400, MALFORMED_NAME)
    assert contents() == []


@pytest.mark.parametrize(
    "username", ["x", "\U0001f600" * 64, "\u1e69" * 64, "o'neil", "a b", "a@b", "\ufdfa" * 64]
)
def test_taken_usernames(client: Client, username: str) -> None:
    assert sign_up(client, username).status == 201
    assert client.sign_in(unicodedata.normalize("NFD", username), PASSWORD).status == 200


@pytest.mark.parametrize(
    ("password", "detail"),
    [
        ("", LENGTH),
        ("x" * 11, LENGTH),
        ("ab" * 128 + "c", LENGTH),
        ("ab" * 5_000, LENGTH),
        ("aaaaaaaaaaaa", GUESSED),
        ("password1234", GUESSED),
        ("PassWord1234", GUESSED),
        ("Zoe@Example.com", GUESSED),
    ],
)
def test_refused_passwords(client: Client, password: str, detail: str, contents: Callable[[], list[str]]) -> None:
    assert sign_up(client, password=password).problem() == (400, detail)
    assert contents() == []


def test_the_username_is_no_password(client: Client) -> None:
    assert sign_up(client, "a-long-user-name", password="A-long-user-name").problem() == (400, GUESSED)


@pytest.mark.parametrize("password", ["acbd" * 3, "ab" * 128, "\0" * 6 + "abcdef", "p\u00e4ss:w\u00f6rd \u20ac "])
def test_a_password_has_no_rules_about_characters(client: Client, password: str) -> None:
    assert sign_up(client, password=password).status == 201
    assert client.sign_in("zo\u00eb", unicodedata.normalize("NFD", password)).status == 200


@pytest.mark.parametrize(
    "email",
    [
        "",
        "zoe",
        "@example.com",
        "zoe@",
        "zoe@@example.com",
        "zoe@example..com",
        "zo e@example.com",
        "zoe@example.com\n",
        "zoe\0@example.com",
        "\u202ezoe@example.com",
        "x" * 65 + "@example.com",
        "zoe@" + "x" * 251,
        "zoe@" + "x" * 10_000,
        "zoe@" + "\U0001d160" * 240,
    ],
)
def test_refused_email_addresses(client: Client, email: str, contents: Callable[[], list[str]]) -> None:
    assert sign_up(client, email=email).problem() == (400, MALFORMED_EMAIL)
    assert contents() == []


@pytest.mark.parametrize(
    "email", ["a@b", "Zo\u00eb.X+tag@ex\u00e4mple.com", "x" * 64 + "@" + ".".join(["x" * 46] * 4)]
)
def test_taken_email_addresses(client: Client, email: str) -> None:
    assert sign_up(client, email=email).json["email"] == email


@pytest.mark.parametrize("field", ["username", "email", "password"])
def test_a_field_that_is_no_text_is_400(client: Client, field: str, contents: Callable[[], list[str]]) -> None:
    assert sign_up(client, **{field: None}).problem() == (400, f"The field {field} is required.")
    for value in (5, True, 1.5, [], ["a"], {}, {"a": "b"}):
        assert sign_up(client, **{field: value}).problem() == (400, f"The field {field} must be a string.")
    assert contents() == []


def test_a_missing_field_is_400(client: Client, contents: Callable[[], list[str]]) -> None:
    assert client.json("/users", {}).problem() == (400, "The field username is required.")
    assert client.send("POST", "/users").problem() == (400, "The field username is required.")
    assert contents() == []


# --- Where the stage is closed


@pytest.fixture
def closed(services: Services, client: Client) -> Client:
    """The same services, deployed without open sign-up."""
    install(replace(services, settings=services.settings._replace(open_sign_up=False)))
    blueprint = ProtectedBlueprint(__name__, open_sign_up=False)
    blueprint.post("/users")(users.sign_up)
    app = Chalice(app_name="closed")
    for each in (authorizer.blueprint, blueprint):
        app.register_blueprint(each)
    app.register_middleware(middleware, "http")
    return Client(Gateway(app, services.clock))


def _request(client: Client, headers: dict[str, str]) -> Reply:
    return client.json("/users", {"username": "zoe", "email": "zoe@example.com", "password": PASSWORD}, headers)


def test_a_closed_stage_takes_no_stranger(closed: Client, contents: Callable[[], list[str]]) -> None:
    reply = _request(closed, {})
    assert reply.problem() == (401, "A valid access token is required.")
    assert reply.headers["www-authenticate"] == 'Bearer realm="gatehouse"'
    assert contents() == []


def test_a_closed_stage_takes_no_user_without_the_scope(client: Client, closed: Client, user: User) -> None:
    reply = _request(closed, bearer(client.access_token(user.username)))
    assert reply.problem() == (403, "The access token does not allow this request.")
    assert reply.headers["www-authenticate"] == 'Bearer realm="gatehouse", error="insufficient_scope"'


def test_an_administrator_may_add_users_to_a_closed_stage(client: Client, closed: Client, admin: User) -> None:
    assert _request(closed, bearer(client.access_token(admin.username))).status == 201
    assert client.sign_in("zoe", PASSWORD).status == 200
