"""POST /tokens: from a username and a password to a pair of tokens."""

import base64
import unicodedata
from collections.abc import Callable
from dataclasses import replace

import jwt
import pytest
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from chalicelib import base64url
from chalicelib.accounts import password
from chalicelib.accounts.password import Passwords, Profile
from chalicelib.model import User
from chalicelib.services import Services
from tests.conftest import DEMO_SCOPE, new_user
from tests.support.client import FROM_PAGE, WITHOUT_AN_ALLOWED_ORIGIN, Client, Clock, Reply, basic

ISSUER = "https://gatehouse.example"
ALL = "account comments:read comments:write"
INVALID = (401, "Invalid credentials.")


def third_party(client: Client, token: str) -> dict[str, object]:
    """The claims as any other service reads them: by PyJWT, with nothing but the JWK Set."""
    key_set = jwt.PyJWKSet.from_json(client.send("GET", "/.well-known/jwks.json").body.decode())
    kid = jwt.get_unverified_header(token)["kid"]
    claims: dict[str, object] = jwt.decode(
        token,
        key_set[kid],
        algorithms=["ES256"],
        audience=ISSUER,
        issuer=ISSUER,
        # RFC 9068 §2.2. The test's clock is not PyJWT's.
        options={
            "require": ["iss", "sub", "aud", "exp", "iat", "jti"],
            "verify_exp": False,
            "verify_iat": False,
        },
    )
    return claims


def assert_refused(reply: Reply) -> None:
    assert reply.problem() == INVALID
    assert reply.headers["www-authenticate"] == 'Basic realm="gatehouse", charset="UTF-8"'
    assert reply.headers["cache-control"] == "no-store"
    assert "set-cookie" not in reply.headers


# --- The answer


def test_the_answer_is_that_of_rfc_6749(client: Client, user: User) -> None:
    reply = client.sign_in(user.username)
    assert reply.status == 200
    assert set(reply.json) == {"access_token", "token_type", "expires_in", "refresh_token", "scope"}
    assert (reply.json["token_type"], reply.json["expires_in"], reply.json["scope"]) == ("Bearer", 900, ALL)
    assert reply.json["refresh_token"].startswith("gtr_")
    assert reply.headers["content-type"] == "application/json"
    assert reply.headers["cache-control"] == "no-store"
    assert "set-cookie" not in reply.headers


def test_no_body_is_needed(client: Client, user: User) -> None:
    assert client.send("POST", "/tokens", basic(user.username, "demo-password")).json["scope"] == ALL


def test_the_access_token_is_that_of_rfc_9068(client: Client, user: User, clock: Clock) -> None:
    token = client.access_token(user.username)
    header = jwt.get_unverified_header(token)
    assert (header["typ"], header["alg"]) == ("at+jwt", "ES256")
    claims = third_party(client, token)
    jti, sid = claims.pop("jti"), claims.pop("sid")
    assert claims == {
        "iss": ISSUER,
        "aud": ISSUER,
        "sub": user.sub,
        "client_id": "gatehouse",
        "iat": clock.now,
        "exp": clock.now + 900,
        "scope": ALL,
        "preferred_username": user.username,
        "session_epoch": 0,
    }
    assert isinstance(jti, str)
    assert isinstance(sid, str)


def test_every_token_and_every_session_has_its_own_id(client: Client, user: User) -> None:
    claims = [third_party(client, client.access_token(user.username)) for _ in range(3)]
    assert len({claim["jti"] for claim in claims}) == len({claim["sid"] for claim in claims}) == 3


def test_the_records_claims_are_in_the_token_and_replace_no_registered_one(
    client: Client, services: Services
) -> None:
    own = {"tenant": "a", "level": 3, "nested": {"list": [1, None, True]}}
    false = {"sub": "x", "scope": "users:write", "exp": 9, "session_epoch": 7, "aud": "x", "roles": ["x"]}
    user = new_user(services, claims={**own, **false})
    claims = third_party(client, client.access_token(user.username))
    assert {name: claims[name] for name in own} == own
    assert (claims["sub"], claims["scope"], claims["session_epoch"]) == (user.sub, ALL, 0)
    assert "roles" not in claims


# --- Scope


@pytest.mark.parametrize(
    ("asked", "granted"),
    [
        ("comments:read", "comments:read"),
        ("comments:write comments:read", "comments:read comments:write"),
        ("comments:read users:write", "comments:read"),
        ("users:write", ""),
        ("no-such-scope", ""),
    ],
)
def test_scope_narrows_and_never_widens(client: Client, user: User, asked: str, granted: str) -> None:
    reply = client.sign_in(user.username, scope=asked)
    assert (reply.status, reply.json["scope"]) == (200, granted)
    assert third_party(client, reply.json["access_token"])["scope"] == granted


@pytest.mark.parametrize("asked", ["x" * 2_049, " ".join(map(str, range(65))), "a " * 16_000])
def test_a_scope_longer_than_any_is_400_and_never_kept(
    client: Client, user: User, asked: str, contents: Callable[[], list[str]]
) -> None:
    tokens = client.sign_in(user.username).json
    before = contents()
    detail = "The scope must have at most 64 words and 2048 characters."
    assert client.sign_in(user.username, scope=asked).problem() == (400, detail)
    fields = {"refresh_token": tokens["refresh_token"], "scope": asked}
    assert client.form("/tokens/refresh", **fields).problem() == (400, detail)
    assert contents() == before


@pytest.mark.parametrize(
    "credentials", [("a" + "\u0301" * 15_500, "x"), ("demo", "\u0301" * 15_500), ("demo", "x" * 9_000)]
)
def test_credentials_longer_than_any_are_401_unread(
    client: Client, monkeypatch: pytest.MonkeyPatch, credentials: tuple[str, str]
) -> None:
    monkeypatch.delattr("chalicelib.web.basic_auth.base64")
    assert client.sign_in(*credentials).problem() == (401, "Invalid credentials.")


def test_the_longest_credentials_are_read(client: Client, services: Services) -> None:
    name, password = "\u1e69" * 64, "\u1e69" * 256
    new_user(services, username=name, password=password)
    decomposed = (unicodedata.normalize("NFD", text) for text in (name, password))
    assert client.sign_in(*decomposed).status == 200


def test_scope_may_come_as_json(client: Client, user: User) -> None:
    credentials = basic(user.username, "demo-password")
    assert client.json("/tokens", {"scope": "account"}, credentials).json["scope"] == "account"
    assert client.json("/tokens", {"scope": ""}, credentials).json["scope"] == ""
    assert client.json("/tokens", {}, credentials).json["scope"] == ALL


def test_a_malformed_scope_is_400(client: Client, user: User, contents: Callable[[], list[str]]) -> None:
    before = contents()
    for scope in ("a  b", " a", 'a"b', "a\\b", "ä", "a\x00"):
        assert client.sign_in(user.username, scope=scope).problem() == (400, "The scope is malformed.")
    assert contents() == before


# --- Who is let in


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("case", [str.upper, str.lower])
def test_a_name_is_one_user_however_it_is_spelt(
    client: Client, services: Services, form: str, case: Callable[[str], str]
) -> None:
    user = new_user(services, username=f"Zo\u00eb-{base64url.encode(services.random_bytes(6))}")
    spelt = unicodedata.normalize(form, case(user.username))  # type: ignore[arg-type]
    reply = client.sign_in(spelt)
    assert third_party(client, reply.json["access_token"])["sub"] == user.sub


@pytest.mark.parametrize("password", ["p\u00e4ssword:with:colons", "p\u00e4ss word \u20ac 123", "x" * 256])
def test_a_password_may_hold_anything(client: Client, services: Services, password: str) -> None:
    user = new_user(services, password=password)
    assert client.sign_in(user.username, password).status == 200
    assert_refused(client.sign_in(user.username, password[:-1]))


def test_a_long_password_is_one_password_in_both_unicode_forms(client: Client, services: Services) -> None:
    password = "\u00e4" * 256
    user = new_user(services, password=password)
    assert client.sign_in(user.username, unicodedata.normalize("NFD", password)).status == 200


def test_unknown_wrong_and_disabled_get_the_same_answer(client: Client, user: User, services: Services) -> None:
    disabled = new_user(services, disabled=True)
    answers = [
        client.sign_in(user.username, "not-the-password"),
        client.sign_in("nobody-of-this-name"),
        client.sign_in(disabled.username),
    ]
    for answer in answers:
        assert_refused(answer)
    assert len({answer.body for answer in answers}) == 1


def test_a_disabled_user_is_let_in_again_when_enabled(client: Client, services: Services) -> None:
    user = new_user(services, disabled=True)
    services.accounts.enable(user, services.now())
    assert client.sign_in(user.username).status == 200


@pytest.mark.parametrize("name", ["user", "nobody-of-this-name"])
def test_a_known_and_an_unknown_name_cost_one_verification_of_the_same_cost(
    client: Client, services: Services, user: User, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.sign_in("somebody")  # the hash to compare with is made once
    costs = []

    class Counting:
        @staticmethod
        def verify_phc_encoded(text: bytes, phc: str) -> None:
            costs.append(phc.split("$")[1:4])
            Argon2id.verify_phc_encoded(text, phc)

    monkeypatch.setattr(password, "Argon2id", Counting)
    client.sign_in(user.username if name == "user" else name, "not-the-password")
    assert costs == [["argon2id", "v=19", "m=8,t=1,p=1"]]


def test_a_hash_of_old_parameters_is_replaced_at_sign_in(client: Client, services: Services) -> None:
    old = Passwords(Profile(iterations=2, lanes=1, memory_cost=8), services.random_bytes)
    user = new_user(services, password_hash=old.hash("demo-password"))
    assert client.sign_in(user.username).status == 200
    stored = services.users.by_username(user.username)
    assert stored == replace(user, password_hash=stored.password_hash if stored else "")
    assert stored.password_hash.startswith("$argon2id$v=19$m=8,t=1,p=1$")
    assert client.sign_in(user.username).status == 200


# --- Credentials that are none


def _basic(credentials: bytes) -> str:
    return "Basic " + base64.b64encode(credentials).decode()


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Basic",
        "Basic ",
        "Basic !!!",
        "Basic YTpi====",
        "Basic YTp\u00e4",
        "Bearer " + base64.b64encode(b"a:b").decode(),
        _basic(b""),
        _basic(b":"),
        _basic(b"no colon"),
        _basic(b":password-without-name"),
        _basic(b"name-without-password:"),
        _basic(b"x" * 10_000 + b":demo-password"),
        _basic(b"somebody:" + b"x" * 10_000),
        _basic(b"some\0body:demo-password"),
        _basic(b"somebody:demo\0password"),
        _basic(b"\xff\xfe:demo-password"),
        _basic(b"somebody:\xed\xa0\x80-password"),
        _basic("\u202eadmin:demo-password".encode()),
    ],
)
def test_what_is_no_credentials_is_401(
    client: Client, contents: Callable[[], list[str]], authorization: str | None
) -> None:
    before = contents()
    sent = {} if authorization is None else {"Authorization": authorization}
    assert_refused(client.send("POST", "/tokens", sent))
    assert contents() == before


def test_a_right_name_with_bad_passwords_writes_nothing(
    client: Client, user: User, contents: Callable[[], list[str]]
) -> None:
    before = contents()
    for wrong in ("", "\0", "demo-passwor", "demo-password\0", "Demo-password", "x" * 10_000):
        assert_refused(client.sign_in(user.username, wrong))
    assert contents() == before


# --- The refresh token in a cookie


def test_the_refresh_token_moves_into_a_cookie_that_no_page_reads(client: Client, user: User) -> None:
    reply = client.sign_in(user.username, headers=FROM_PAGE, refresh_token_in="cookie")
    assert set(reply.json) == {"access_token", "token_type", "expires_in", "scope"}
    cookie = reply.cookie
    assert cookie.key == "__Host-gatehouse-refresh"
    assert cookie.value.startswith("gtr_")
    assert (cookie["path"], cookie["domain"], cookie["secure"], cookie["httponly"]) == ("/", "", True, True)
    assert (cookie["samesite"], cookie["max-age"]) == ("Strict", str(14 * 86_400))
    assert reply.headers["cache-control"] == "no-store"


def test_any_other_place_is_400(client: Client, user: User, contents: Callable[[], list[str]]) -> None:
    before = contents()
    for place in ("body", "Cookie", "cookie "):
        reply = client.sign_in(user.username, headers=FROM_PAGE, refresh_token_in=place)
        assert reply.problem() == (400, "The field refresh_token_in must be cookie.")
    assert contents() == before


def test_nobody_but_an_allowed_page_has_the_cookie_set(
    client: Client, user: User, contents: Callable[[], list[str]]
) -> None:
    before = contents()
    for sent in WITHOUT_AN_ALLOWED_ORIGIN:
        reply = client.sign_in(user.username, headers=sent, refresh_token_in="cookie")
        assert reply.problem() == (400, "The cookie is set for a page of an allowed Origin only.")
        assert "set-cookie" not in reply.headers
    assert contents() == before


# --- What is kept


def test_nothing_in_the_tables_opens_a_door(
    client: Client, services: Services, contents: Callable[[], list[str]]
) -> None:
    user = new_user(services, DEMO_SCOPE, password="a-password-to-look-for")
    tokens = client.sign_in(user.username, "a-password-to-look-for").json
    secret = base64url.decode(tokens["refresh_token"].removeprefix("gtr_"))[32:48]
    kept = "\n".join(contents())
    for text in ("a-password-to-look-for", tokens["refresh_token"], tokens["access_token"], repr(secret)[2:-1]):
        assert text not in kept
    for encoded in (base64url.encode(secret), secret.hex()):
        assert encoded not in kept
