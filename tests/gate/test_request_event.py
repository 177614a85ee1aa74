"""REQUEST events of REST and HTTP APIs: the header and the route that they name; and the gate's answer to them."""

from typing import Any

import pytest

from chalicelib import authorizer
from chalicelib.access_table import access
from chalicelib.errors import InvalidTokenError
from chalicelib.gate.decision import Gate
from chalicelib.gate.policy import AccessTable
from chalicelib.gate.request_event import read
from chalicelib.settings import Settings
from tests.gate.test_authorizer import UNAUTHORIZED, jwk_set
from tests.support import token_forge
from tests.support.policy_evaluators import permits

ARN = "arn:aws:execute-api:us-east-1:123456789012:a1b2c3d4e5/api/GET/"
BEARER = f"Bearer {token_forge.token()}"  # comments:read comments:write


def rest(path: str, resource: str, headers: dict[str, list[str]] | None = None) -> dict[str, Any]:
    """Of "Input to an API Gateway Lambda authorizer"."""
    lines = {"Authorization": [BEARER]} if headers is None else headers
    return {
        "type": "REQUEST",
        "methodArn": ARN + path,
        "resource": resource,
        "path": f"/{path}",
        "httpMethod": "GET",
        "headers": {name: values[-1] for name, values in lines.items() if values},
        "multiValueHeaders": lines,
        "requestContext": {"resourcePath": resource, "httpMethod": "GET", "apiId": "a1b2c3d4e5", "stage": "api"},
    }


def http(path: str, route_key: str, headers: dict[str, str] | None = None) -> dict[str, Any]:
    """Of "Control access to HTTP APIs with AWS Lambda authorizers"."""
    return {
        "version": "2.0",
        "type": "REQUEST",
        "routeArn": ARN + path,
        "identitySource": [BEARER, "GET", route_key],
        "routeKey": route_key,
        "rawPath": f"/{path}",
        "headers": {"authorization": BEARER} if headers is None else headers,
        "requestContext": {"http": {"method": "GET", "path": f"/{path}"}, "routeKey": route_key, "stage": "api"},
    }


def test_a_rest_api_says_the_resource() -> None:
    assert read(rest("orgs/1", "/orgs/{o}")) == (BEARER, ARN + "orgs/1", "/orgs/{o}")


def test_an_http_api_says_the_route_key() -> None:
    assert read(http("orgs/1", "ANY /orgs/{o}")) == (BEARER, ARN + "orgs/1", "/orgs/{o}")
    assert read(http("orgs/1", "$default")) == (BEARER, ARN + "orgs/1", None)


def test_an_http_api_with_the_older_payload_is_read_as_a_rest_api() -> None:
    event = {**rest("orgs/1", "/orgs/{o}"), "version": "1.0", "authorizationToken": "Bearer x,GET"}
    assert read(event) == (BEARER, ARN + "orgs/1", "/orgs/{o}")


@pytest.mark.parametrize("name", ["authorization", "AUTHORIZATION"])
def test_a_header_knows_no_case(name: str) -> None:
    assert read(rest("a", "/a", {name: [BEARER]})).authorization == BEARER
    assert read(http("a", "GET /a", {name: BEARER})).authorization == BEARER


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": []},
        {"Authorization": [BEARER, BEARER]},
        {"Authorization": [BEARER], "authorization": ["x"]},
    ],
)
def test_none_and_two_headers_are_no_token(headers: dict[str, list[str]]) -> None:
    with pytest.raises(InvalidTokenError):
        read(rest("a", "/a", headers))


def test_an_event_without_any_header_is_no_token() -> None:
    with pytest.raises(InvalidTokenError):
        read({**rest("a", "/a"), "headers": None, "multiValueHeaders": None})
    with pytest.raises(InvalidTokenError):
        read(http("a", "GET /a", {}))


# ---- The gate ----

BY_ROUTE = (
    access("GET", "/orgs/{o}", "comments:read"),
    access("GET", "/orgs/{o}/teams/{t}", "team"),
    access("GET", "/orgs/{o}/teams/{t}/members/{m}", "comments:write"),
)


@pytest.fixture(params=["by route", "whole API"])
def guarded(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    table = AccessTable(BY_ROUTE if request.param == "by route" else BY_ROUTE[:2])
    assert (table.cause is None) == (request.param == "whole API")
    settings = Settings(issuer=token_forge.ISSUER, audience=token_forge.AUDIENCE)
    gate = Gate(settings, table, lambda _: jwk_set(), lambda: token_forge.NOW)
    monkeypatch.setattr(authorizer, "GATE", gate)


def opened(event: dict[str, Any], path: str) -> bool:
    answer = authorizer.gate(event, {})
    assert answer["principalId"] == "usr_7"
    assert answer["context"]["scope"] == "comments:read comments:write"
    return permits(answer["policyDocument"], ARN + path)


@pytest.mark.usefixtures("guarded")
def test_every_kind_of_event_opens_what_it_asks_for_where_the_scopes_do() -> None:
    for path, resource, expected in (
        ("orgs/1", "/orgs/{o}", True),
        ("orgs/1/teams/2", "/orgs/{o}/teams/{t}", False),
        ("unheard-of", "/unheard-of", False),
    ):
        token = {"type": "TOKEN", "authorizationToken": BEARER, "methodArn": ARN + path}
        for event in (rest(path, resource), http(path, f"GET {resource}"), http(path, f"ANY {resource}"), token):
            assert opened(event, path) == expected


@pytest.mark.usefixtures("guarded")
@pytest.mark.parametrize("headers", [{"authorization": "Bearer x"}, {"authorization": "Basic x"}, {}])
def test_a_bad_token_is_unauthorized(headers: dict[str, str]) -> None:
    for event in (
        rest("orgs/1", "/orgs/{o}", {name: [value] for name, value in headers.items()}),
        http("orgs/1", "GET /orgs/{o}", headers),
    ):
        with pytest.raises(Exception, match=UNAUTHORIZED) as raised:
            authorizer.gate(event, {})
        assert type(raised.value) is Exception


@pytest.mark.usefixtures("guarded")
@pytest.mark.parametrize("lost", ["methodArn", "type", "headers"])
def test_an_event_that_api_gateway_never_sends_is_never_allowed(lost: str) -> None:
    event = rest("orgs/1", "/orgs/{o}")
    del event[lost]
    event.pop("multiValueHeaders")
    with pytest.raises(Exception):  # noqa: B017, PT011 (whatever it is: API Gateway lets nobody in then)
        authorizer.gate(event, {})
