"""Every answer forbids browsers to guess its type and to come back without TLS, whoever gives it."""

import pytest

from chalicelib.model import User
from infra import template
from tests.support.callers import sign_in
from tests.support.client import Client, bearer

EXPECTED = {"X-Content-Type-Options": "nosniff", "Strict-Transport-Security": "max-age=63072000"}
RESPONSES = template.resources()["RestAPI"]["Properties"]["DefinitionBody"][
    "x-amazon-apigateway-gateway-responses"
]


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        ("GET", "/.well-known/jwks.json", 200),
        ("GET", "/comments", 200),
        ("OPTIONS", "/comments", 204),
        ("POST", "/logout", 204),
        ("POST", "/tokens/refresh", 401),
        ("GET", "/comments/unknown", 404),
    ],
)
def test_an_answer_of_the_function_has_them(
    client: Client, user: User, method: str, target: str, status: int
) -> None:
    token = sign_in(client, user).access_token
    reply = client.send(method, target, bearer(token))
    assert reply.status == status
    assert {name: reply.headers[name.lower()] for name in EXPECTED} == EXPECTED


def test_an_answer_to_a_failure_of_ours_has_them(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr("chalicelib.keys.ring.KeyRing.jwk_set", broken)
    reply = client.send("GET", "/.well-known/jwks.json")
    assert reply.status == 500
    assert {name: reply.headers[name.lower()] for name in EXPECTED} == EXPECTED


@pytest.mark.parametrize("kind", RESPONSES)
def test_an_answer_of_the_gateway_has_them(kind: str) -> None:
    given = RESPONSES[kind]["responseParameters"]
    assert {name: given[f"gatewayresponse.header.{name}"] for name in EXPECTED} == {
        name: f"'{value}'" for name, value in EXPECTED.items()
    }
