"""An API of ours that no policy for the whole API guards: how it is packaged, and how the local gateway asks then.

The gate is the real one. Its answers are kept for the token, the method and the resource.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest
from chalice import Chalice

from chalicelib import authorizer
from chalicelib.access_table import access
from chalicelib.gate.decision import Gate
from chalicelib.gate.policy import AccessTable
from chalicelib.settings import Settings
from infra import template
from infra.local.gateway import Answer, Gateway
from tests.gate.test_authorizer import jwk_set
from tests.support import token_forge
from tests.support.nested_tables import rows

IDENTITY_SOURCE = "method.request.header.Authorization, context.httpMethod, context.resourcePath"
TABLE = (access("DELETE", "/orgs/{o}", "admin"), *rows("teams"))


@dataclass
class World:
    """The app behind the local gateway, and how often the gate was asked."""

    app: Chalice
    gateway: Gateway
    asked: int = 0

    def send(self, method: str, path: str, *headers: tuple[str, str]) -> Answer:
        return self.gateway.handle(method, path, headers or (("Authorization", bearer("org member")),), b"", "::1")


@cache
def bearer(scope: str) -> str:
    return f"Bearer {token_forge.token(claims={**token_forge.CLAIMS, 'scope': scope})}"


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The access table is `TABLE`."""
    monkeypatch.setattr(template, "guarded", lambda: TABLE)
    template.additions.cache_clear()
    yield
    template.additions.cache_clear()


@pytest.fixture
def world(table: None, monkeypatch: pytest.MonkeyPatch) -> World:
    settings = Settings(issuer=token_forge.ISSUER, audience=token_forge.AUDIENCE)
    gate = Gate(settings, AccessTable(TABLE), lambda _: jwk_set(), lambda: token_forge.NOW)
    app = Chalice(app_name="small")

    def echo(**_: str) -> Any:
        assert app.current_request
        return app.current_request.context["authorizer"]

    for path, methods in (("/orgs/{o}", ["GET", "DELETE"]), *((row.path, ["GET"]) for row in TABLE[2:])):
        app.route(path, methods=methods, authorizer=authorizer.gate, name=path)(echo)
    app.register_blueprint(authorizer.blueprint)
    world = World(app, Gateway(app, lambda: 0.0))
    decide = gate.decide

    def counted(*asked: Any) -> dict[str, Any]:
        world.asked += 1
        return decide(*asked)

    monkeypatch.setattr(gate, "decide", counted)
    monkeypatch.setattr(authorizer, "GATE", gate)
    return world


def definition(app: Chalice) -> dict[str, Any]:
    made: dict[str, Any] = template.api_definition(app)["securityDefinitions"]["gate"]
    return made


def test_it_is_packaged_with_the_identity_sources_of_a_route(world: World) -> None:
    made = definition(world.app)["x-amazon-apigateway-authorizer"]
    assert (made["type"], made["identitySource"]) == ("request", IDENTITY_SOURCE)
    assert made["authorizerResultTtlInSeconds"] == authorizer.CACHE_SECONDS
    assert "identityValidationExpression" not in made


def test_our_own_table_is_packaged_with_the_token_alone() -> None:
    from app import app

    made = definition(app)["x-amazon-apigateway-authorizer"]
    assert made["type"] == "token"
    assert "identitySource" not in made
    assert "identityValidationExpression" in made


def test_two_routes_one_token_one_allowed(world: World) -> None:
    for _ in range(2):
        assert world.send("GET", "/orgs/1").status == 200
        assert world.send("GET", "/orgs/1/teams/2").status == 403
        assert world.send("GET", "/orgs/1/teams/2/members/3").status == 200
    assert world.asked == 3


def test_get_does_not_open_delete_of_the_same_resource(world: World) -> None:
    assert world.send("GET", "/orgs/1").status == 200
    assert world.send("DELETE", "/orgs/1").status == 403
    assert world.asked == 2


def test_an_answer_holds_for_the_other_paths_of_its_route(world: World) -> None:
    assert [world.send("GET", f"/orgs/{number}").status for number in range(5)] == [200] * 5
    assert world.asked == 1


def test_each_token_has_its_own_answer(world: World) -> None:
    assert world.send("GET", "/orgs/1", ("Authorization", bearer("team"))).status == 403
    assert world.send("GET", "/orgs/1").status == 200


def test_without_a_header_nobody_is_asked(world: World) -> None:
    assert world.send("GET", "/orgs/1", ("Accept", "*/*")).status == 401
    assert world.asked == 0


@pytest.mark.parametrize("text", ["Basic x", "Bearer x", "garbage"])
def test_garbage_reaches_the_gate_and_is_401(world: World, text: str) -> None:
    for _ in range(2):
        assert world.send("GET", "/orgs/1", ("Authorization", text)).status == 401
    assert world.asked == 2


def test_two_headers_are_no_token(world: World) -> None:
    header = ("Authorization", bearer("org"))
    assert world.send("GET", "/orgs/1", header, header).status == 401


def test_the_function_gets_the_same_context(world: World) -> None:
    context = json.loads(world.send("GET", "/orgs/1").body)
    assert (context["sub"], context["scope"]) == ("usr_7", "member org")
