"""What pages of other origins may do: by the stage's setting, and no more (Fetch §3.2)."""

from dataclasses import replace

import pytest

from app import app
from chalicelib.model import User
from chalicelib.services import Services, install
from tests.support.client import Client, bearer

PAGE = "https://pages.example"
OTHERS = ["https://evil.example", "null", "http://pages.example", "https://pages.example.evil.example", "*"]

routes = pytest.mark.parametrize("path", sorted(app.routes))


def _preflight(origin: str, method: str) -> dict[str, str]:
    return {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "authorization,content-type",
    }


@routes
def test_a_preflight_names_the_routes_methods_and_takes_no_token(client: Client, path: str) -> None:
    target = path.replace("{", "").replace("}", "")
    reply = client.send("OPTIONS", target, _preflight(PAGE, "POST"))
    assert (reply.status, reply.body) == (204, b"")
    assert reply.headers["access-control-allow-origin"] == PAGE
    assert reply.headers["access-control-allow-credentials"] == "true"
    methods = reply.headers["access-control-allow-methods"].split(", ")
    assert methods == sorted(method for method in app.routes[path] if method != "OPTIONS")
    assert reply.headers["access-control-allow-headers"] == "Authorization, Content-Type"
    assert reply.headers["access-control-max-age"] == "7200"
    assert reply.headers["vary"] == "Origin"


@pytest.mark.parametrize("origin", OTHERS)
def test_no_other_origin_is_let_in(client: Client, user: User, origin: str) -> None:
    preflight = client.send("OPTIONS", "/tokens", _preflight(origin, "POST"))
    answer = client.send("GET", "/me", {**bearer(client.access_token(user.username)), "Origin": origin})
    for reply in (preflight, answer):
        assert "access-control-allow-origin" not in reply.headers
        assert "access-control-allow-credentials" not in reply.headers
        assert reply.headers["vary"] == "Origin"


@pytest.mark.parametrize("origin", [PAGE, "https://gatehouse.example"])
def test_an_allowed_page_reads_answers_and_their_headers(client: Client, user: User, origin: str) -> None:
    reply = client.send("GET", "/me", {**bearer(client.access_token(user.username)), "Origin": origin})
    assert reply.headers["access-control-allow-origin"] == origin
    assert reply.headers["access-control-allow-credentials"] == "true"
    exposed = reply.headers["access-control-expose-headers"].split(", ")
    assert {"Location", "Retry-After", "WWW-Authenticate"} <= set(exposed)
    assert reply.headers["vary"] == "Origin"


def test_an_allowed_page_reads_refusals_too(client: Client) -> None:
    refusal = client.form("/tokens/refresh", {"Origin": PAGE}, refresh_token="gtr_")
    assert refusal.status == 401
    assert refusal.headers["access-control-allow-origin"] == PAGE


def test_a_page_reads_the_gateways_own_refusals_without_credentials(client: Client) -> None:
    for target in ("/me", "/no-such-route"):
        refusal = client.send("GET", target, {"Origin": "https://evil.example"})
        assert refusal.status in (401, 404)
        assert refusal.headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-credentials" not in refusal.headers


def test_without_an_origin_there_is_only_vary(client: Client) -> None:
    reply = client.send("GET", "/.well-known/jwks.json")
    assert reply.headers["vary"] == "Origin"
    assert not [name for name in reply.headers if name.startswith("access-control-")]


def test_a_stage_that_allows_nobody_says_nothing(client: Client, services: Services) -> None:
    install(replace(services, settings=services.settings._replace(allowed_origins=())))
    reply = client.send("GET", "/.well-known/jwks.json", {"Origin": PAGE})
    assert "vary" not in reply.headers
    assert not [name for name in reply.headers if name.startswith("access-control-")]
