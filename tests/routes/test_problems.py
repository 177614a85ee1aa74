"""Errors as problem details (RFC 9457), and bodies that no route takes: each its 4xx, and nothing is written."""

import json
from collections.abc import Callable

import pytest

from chalicelib.model import User
from tests.support.client import FORM, Client, Clock, Reply, basic, bearer

Send = Callable[[str, bytes], list[Reply]]

JSON = "application/json"
NO_JSON = "The body is not JSON."
NO_OBJECT = "The body must be a JSON object."
TWICE = "A field is given more than once."
NO_FORM = "The form is malformed."
NO_UNICODE = "A field is not valid Unicode."
NO_UTF_8 = "The body is not UTF-8."

ROUTES = ["/tokens", "/tokens/refresh", "/users", "/comments"]


@pytest.fixture
def send(client: Client, user: User) -> Send:
    """Sends a body to every route that reads one, with credentials that are right."""
    credentials = {
        "/tokens": basic(user.username, "demo-password"),
        "/tokens/refresh": {},
        "/users": {},
        "/comments": bearer(client.access_token(user.username)),
    }
    return lambda media_type, body: [
        client.send("POST", route, {**headers, "Content-Type": media_type}, body)
        for route, headers in credentials.items()
    ]


MALFORMED = [
    (JSON, b"[]", NO_OBJECT),
    (JSON, b'["username", "email"]', NO_OBJECT),
    (JSON, b'[{"message": "a"}]', NO_OBJECT),
    (JSON, b"5", NO_OBJECT),
    (JSON, b"null", NO_OBJECT),
    (JSON, b"true", NO_OBJECT),
    (JSON, b'"text"', NO_OBJECT),
    (JSON, b"{", NO_JSON),
    (JSON, b"  ", NO_JSON),
    (JSON, b"{} {}", NO_JSON),
    (JSON, b"{'message': 'a'}", NO_JSON),
    (JSON, b'{"a": NaN}', NO_JSON),
    (JSON, b'{"a": -Infinity}', NO_JSON),
    (JSON, b'{"a": ' + b"9" * 21 + b"}", NO_JSON),
    (JSON, b'{"a": ' + b"9" * 5_000 + b"}", NO_JSON),
    (JSON, b'{"a": 1e400}', NO_JSON),
    (JSON, b'{"a": "\0"}', NO_JSON),
    (JSON, b"\xef\xbb\xbf{}", NO_JSON),
    (JSON, b'{"message": "a", "message": "b"}', TWICE),
    (JSON, b'{"a": {"b": 1, "b": 2}}', TWICE),
    (JSON, b"[" * 30_000, NO_JSON),
    (JSON, b'{"a":' * 6_000, NO_JSON),
    (JSON, b'{"a": "\\ud800"}', NO_UNICODE),
    (JSON, b'{"message": "\\udc00\\ud800"}', NO_UNICODE),
    (JSON, b'{"a": ["\\ud800"]}', NO_UNICODE),
    (JSON, b'{"message": "\xff"}', NO_UTF_8),
    (JSON, b'{"message": "\xed\xa0\x80"}', NO_UTF_8),
    (JSON, '{"message": "a"}'.encode("utf-16"), NO_UTF_8),
    (FORM, b"message=a&message=b", TWICE),
    (FORM, b"scope=a&scope=a", TWICE),
    (FORM, b"message", NO_FORM),
    (FORM, b"message=a&&b=c", NO_FORM),
    (FORM, b"message=%FF", NO_FORM),
    (FORM, b"message=%ED%A0%80", NO_FORM),
    (FORM, b"&".join(b"f%d=a" % number for number in range(51)), NO_FORM),
    (FORM, b"message=\xff", NO_UTF_8),
    (FORM, b'{"message": "a"}', NO_FORM),
]


@pytest.mark.parametrize(("media_type", "body", "detail"), MALFORMED, ids=range(len(MALFORMED)))
def test_a_malformed_body_is_400(
    send: Send, contents: Callable[[], list[str]], media_type: str, body: bytes, detail: str
) -> None:
    before = contents()
    for reply in send(media_type, body):
        assert reply.problem() == (400, detail)
    assert contents() == before


@pytest.mark.parametrize("media_type", [JSON, FORM, "application/octet-stream", "text/plain"])
def test_a_body_of_a_megabyte_is_413(send: Send, contents: Callable[[], list[str]], media_type: str) -> None:
    before = contents()
    for reply in send(media_type, b'{"message": "%s"}' % (b"a" * 2**20)):
        assert reply.problem() == (413, "The request body is too large.")
    assert contents() == before


@pytest.mark.parametrize(
    "media_type",
    [
        "application/xml",
        "multipart/form-data; boundary=a",
        "application/octet-stream",
        "text/html",
        "x",
        "",
        "*/*",
    ],
)
def test_a_type_that_no_route_reads_is_415(send: Send, contents: Callable[[], list[str]], media_type: str) -> None:
    before = contents()
    for reply in send(media_type, b'{"message": "a"}'):
        assert reply.problem() == (415, "The request body has a type that is not read here.")
    assert contents() == before


@pytest.mark.parametrize("path", ["/tokens", "/users"])
def test_plain_text_is_read_by_the_refresh_alone(client: Client, user: User, path: str) -> None:
    headers = {**basic(user.username, "demo-password"), "Content-Type": "text/plain"}
    assert client.send("POST", path, headers, "scope=account").problem()[0] == 415


@pytest.mark.parametrize(
    "media_type", ["Application/JSON", "application/json;charset=utf-8", "application/json ; a=b"]
)
def test_a_type_is_read_without_its_case_and_parameters(client: Client, user: User, media_type: str) -> None:
    headers = {**basic(user.username, "demo-password"), "Content-Type": media_type}
    assert client.send("POST", "/tokens", headers, '{"scope": "account"}').json["scope"] == "account"


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/tokens", "scope"),
        ("/tokens", "refresh_token_in"),
        ("/tokens/refresh", "refresh_token"),
        ("/tokens/refresh", "scope"),
        ("/tokens/refresh", "refresh_token_in"),
    ],
)
def test_a_field_that_is_no_text_is_400(
    client: Client, user: User, contents: Callable[[], list[str]], path: str, field: str
) -> None:
    before = contents()
    values: tuple[object, ...] = (5, 0, True, False, 1.5, 2**64, [], ["account"], {}, {"a": {"b": []}})
    for value in values:
        sent = {"refresh_token": "gtr_", field: value}
        reply = client.json(path, sent, basic(user.username, "demo-password"))
        assert reply.problem() == (400, f"The field {field} must be a string.")
    assert contents() == before


# --- The form of a problem


def test_a_problem_has_the_members_of_rfc_9457(client: Client) -> None:
    reply = client.send("POST", "/users")
    assert reply.json == {
        "type": "about:blank",
        "title": "Bad Request",
        "status": 400,
        "detail": "The field username is required.",
    }
    assert reply.headers["cache-control"] == "no-store"


def test_a_title_is_the_same_from_the_api_and_from_the_gateway(client: Client) -> None:
    of_the_api = client.send("POST", "/users", {"Content-Type": JSON}, b" " * 2**20)
    of_the_gateway = client.send("POST", "/users", {"Content-Type": JSON}, b" " * (10 * 2**20 + 1))
    assert of_the_api.json == of_the_gateway.json


@pytest.mark.parametrize("target", ["/", "/nothing", "/tokens/nothing", "/users/nothing", "/comments/a/b/c"])
def test_an_unknown_route_is_404(client: Client, target: str) -> None:
    assert client.send("GET", target).problem() == (404, "There is nothing here.")


@pytest.mark.parametrize(("method", "target"), [("GET", "/tokens"), ("DELETE", "/users"), ("PUT", "/comments")])
def test_a_method_that_a_route_does_not_take_is_404(client: Client, method: str, target: str) -> None:
    assert client.send(method, target).problem() == (404, "There is nothing here.")


def test_a_failure_of_ours_tells_nothing(client: Client, user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a secret")

    monkeypatch.setattr("chalicelib.keys.ring.KeyRing.jwk_set", fail)
    reply = client.send("GET", "/.well-known/jwks.json")
    assert reply.problem()[0] == 500
    assert "secret" not in reply.body.decode()


def test_a_body_is_read_before_the_password_is_looked_at(client: Client, user: User) -> None:
    reply = client.send("POST", "/tokens", {**basic(user.username, "wrong"), "Content-Type": JSON}, "[]")
    assert reply.problem()[0] == 400


# --- Throttling


def test_too_many_failures_are_429(client: Client, user: User, clock: Clock) -> None:
    for _ in range(10):
        assert client.sign_in(user.username, "not-the-password").status == 401
    reply = client.sign_in(user.username)
    assert reply.problem()[0] == 429
    assert 0 < int(reply.headers["retry-after"]) <= 300
    clock.advance(int(reply.headers["retry-after"]))
    assert client.sign_in(user.username).status == 200


def test_a_problem_shows_no_credential(client: Client, user: User) -> None:
    sent = {"refresh_token": "gtr_secret-of-mine", "password": "secret-of-mine", "scope": "secret-of-mine\\"}
    for path in ROUTES:
        reply = client.json(path, sent, basic("secret-of-mine", "secret-of-mine"))
        assert "secret-of-mine" not in json.dumps([reply.body.decode(), *reply.headers.values()])
