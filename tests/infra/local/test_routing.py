"""The local gateway routes requests, makes events and passes answers on as API Gateway does."""

import base64
import json

import pytest

from infra.local.gateway import MAX_ARN_LENGTH, MAX_BODY_LENGTH
from tests.infra.local.world import World, arn, assert_nothing_here, assert_problem, header

# ---- Routes ----


@pytest.mark.parametrize(
    "path",
    [
        "/nothing",
        "/things",
        "/things/",
        "/things//",
        "/things/a/b",
        "//open",
        "/open//",
        "/Open",
        "/open;x",
        "*",
    ],
)
def test_an_unknown_path_is_nothing(world: World, path: str) -> None:
    assert_nothing_here(world.get(path))


@pytest.mark.parametrize("method", ["HEAD", "PATCH", "PUT", "OPTIONS", "TRACE", "get", "BREW", ""])
def test_a_method_that_the_route_does_not_serve_is_nothing(world: World, method: str) -> None:
    assert_nothing_here(world.get("/open", method=method))


def test_an_unknown_route_does_not_echo_the_authorization_header(world: World) -> None:
    answer = world.get("/nothing", ("Authorization", "Bearer very-secret"))
    assert_nothing_here(answer)
    assert "very-secret" not in str(answer)


@pytest.mark.parametrize(
    ("path", "resource", "parameters"),
    [
        ("/", "/", None),
        ("/?a=1", "/", None),
        ("/open/", "/open", None),
        ("/things/fixed", "/things/fixed", None),
        ("/things/a", "/things/{thing_id}", {"thing_id": "a"}),
        ("/things/a/", "/things/{thing_id}", {"thing_id": "a"}),
        ("/things/a%2Fb%20c", "/things/{thing_id}", {"thing_id": "a/b c"}),
        ("/things/%C3%A4", "/things/{thing_id}", {"thing_id": "ä"}),
        ("/things/%ff%zz", "/things/{thing_id}", {"thing_id": "\ufffd%zz"}),
        ("/things/{thing_id}", "/things/{thing_id}", {"thing_id": "{thing_id}"}),
        ("/things/a+b", "/things/{thing_id}", {"thing_id": "a+b"}),
    ],
)
def test_a_path_leads_to_its_resource(
    world: World, path: str, resource: str, parameters: dict[str, str] | None
) -> None:
    event = world.event(path)
    assert (event["resource"], event["pathParameters"]) == (resource, parameters)


def test_a_preflight_is_answered_without_the_app(world: World) -> None:
    answer = world.get("/pages", ("Origin", "http://127.0.0.1:3000"), method="OPTIONS")
    assert (answer.status, answer.body) == (200, b"")
    assert header(answer, "Access-Control-Allow-Origin") == "*"
    assert header(answer, "Access-Control-Allow-Methods") == "GET,OPTIONS"


# ---- The event ----


def test_header_names_are_lower_case_and_no_line_is_lost(world: World) -> None:
    event = world.event("/open", ("X-One", "1"), ("x-ONE", "2"), ("Accept", "*/*"))
    assert event["headers"] == {"x-one": "2", "accept": "*/*"}
    assert event["multiValueHeaders"] == {"x-one": ["1", "2"], "accept": ["*/*"]}


def test_the_query_is_decoded(world: World) -> None:
    event = world.event("/open?a=1&a=2&b=%C3%A4+x&c=")
    assert event["queryStringParameters"] == {"a": "2", "b": "ä x", "c": ""}
    assert event["multiValueQueryStringParameters"] == {"a": ["1", "2"], "b": ["ä x"], "c": [""]}
    assert world.event("/open")["multiValueQueryStringParameters"] is None


def test_the_request_context_is_api_gateways(world: World) -> None:
    event = world.event("/things/a/?b=1", ("User-Agent", "test/1"))
    context = event["requestContext"]
    assert context.pop("requestId")
    assert context == {
        "accountId": "123456789012",
        "apiId": "ymy8tbxw7b",
        "stage": "api",
        "httpMethod": "GET",
        "resourcePath": "/things/{thing_id}",
        "path": "/things/a/",
        "protocol": "HTTP/1.1",
        "identity": {"sourceIp": "192.0.2.7", "userAgent": "test/1"},
    }
    assert (event["path"], event["httpMethod"]) == ("/things/a/", "GET")


@pytest.mark.parametrize(
    ("content_type", "sent", "body", "is_base64"),
    [
        ("application/json", b"", None, False),
        ("text/plain", "ä".encode(), "ä", False),
        ("text/plain", b"\xff\x00\xfe", "\ufffd\x00\ufffd", False),
        ("image/png", b"\x89PNG", base64.b64encode(b"\x89PNG").decode(), True),
    ],
)
def test_the_body_arrives_as_text(
    world: World, content_type: str, sent: bytes, body: str | None, is_base64: bool
) -> None:
    event = world.event("/open", ("Content-Type", content_type), method="POST", body=sent)
    assert (event["body"], event["isBase64Encoded"]) == (body, is_base64)


# ---- The answer ----


def test_the_apps_own_answer_is_passed_on(world: World) -> None:
    answer = world.get("/problem")
    assert (answer.status, json.loads(answer.body)) == (401, {"status": 401})
    assert header(answer, "Content-Type") == "application/problem+json"
    assert header(answer, "WWW-Authenticate") == "Bearer"


def test_a_header_may_come_twice(world: World) -> None:
    answer = world.get("/cookies")
    assert [value for name, value in answer.headers if name == "Set-Cookie"] == ["a=1", "b=2"]


def test_a_binary_answer_is_decoded(world: World) -> None:
    assert world.get("/picture", ("Accept", "image/png")).body == b"\x89PNG"


def test_an_app_that_fails_is_500(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(world.app), "__call__", lambda *_: {"statusCode": 200})
    assert_problem(world.get("/open"), 500, "The request could not be completed.")


# ---- Sizes ----


def test_an_arn_that_is_too_long_is_414(world: World) -> None:
    longest = MAX_ARN_LENGTH - len(arn("GET", "/things/"))
    assert world.get("/things/" + "a" * longest + "?" + "q" * 2000).status == 200
    assert_problem(world.get("/things/" + "a" * (longest + 1)), 414, "URI is too long")


def test_a_body_that_is_too_long_is_413(world: World) -> None:
    headers = ("Content-Type", "text/plain")
    assert world.get("/open", headers, method="POST", body=b"a" * MAX_BODY_LENGTH).status == 200
    answer = world.get("/open", headers, method="POST", body=b"a" * (MAX_BODY_LENGTH + 1))
    assert_problem(answer, 413, "The request body is too large.")
