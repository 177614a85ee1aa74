"""Another team's REST API behind the deployed gate: its stack is made of what docs/protect-your-api.md prints."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from cfnlint.api import lint_all

from chalicelib.services import Services
from infra.emulated import deployed
from infra.emulated.deployed import Deployed
from infra.emulated.lambda_events import SCHEDULED
from tests.conftest import new_user
from tests.deployed import other_stack
from tests.deployed.conftest import services_of
from tests.deployed.other_stack import add_api, add_code, client
from tests.support.client import Client, Reply, bearer
from tests.support.patience import END
from tests.support.protect_your_api import block

pytestmark = [pytest.mark.ministack, pytest.mark.xdist_group("deployed")]

BUCKET = "orders"
INTERVAL = 1  # seconds until the gate asks the feed again

ROUTES = {
    "ListOrders": ("GET", "OrdersPath"),
    "GetOrder": ("GET", "OrderPath"),
    "DeleteOrder": ("DELETE", "OrderPath"),
    "Export": ("GET", "ExportPath"),  # which the access table does not name
}


# ---- The other team's template: an API as it may have had before, and the page's blocks merged into it ----


def their_template() -> dict[str, Any]:
    pasted = yaml.safe_load(block("the gate"))
    methods = {name: method(*route) for name, route in ROUTES.items()}
    return {**pasted, "Resources": pasted["Resources"] | before() | methods}


def before() -> dict[str, Any]:
    api = {"Ref": "OrdersApi"}
    root = {"Fn::GetAtt": ["OrdersApi", "RootResourceId"]}

    def path(parent: Any, part: str) -> dict[str, Any]:
        properties = {"RestApiId": api, "ParentId": parent, "PathPart": part}
        return {"Type": "AWS::ApiGateway::Resource", "Properties": properties}

    return {
        "OrdersApi": {"Type": "AWS::ApiGateway::RestApi", "Properties": {"Name": "orders"}},
        "OrdersPath": path(root, "orders"),
        "OrderPath": path({"Ref": "OrdersPath"}, "{order_id}"),
        "ExportPath": path(root, "export"),
        **other_stack.function(BUCKET, "index.handler"),
        "Deployment": {
            "Type": "AWS::ApiGateway::Deployment",
            "DependsOn": [*ROUTES, "Unauthorized", "AccessDenied", "AuthorizerFailure"],
            "Properties": {"RestApiId": api, "StageName": deployed.STAGE},
        },
    }


def method(verb: str, path: str) -> dict[str, Any]:
    properties = {
        "RestApiId": {"Ref": "OrdersApi"},
        "ResourceId": {"Ref": path},
        "HttpMethod": verb,
        "Integration": other_stack.INTEGRATION,
        **yaml.safe_load(block("each method")),
    }
    return {"Type": "AWS::ApiGateway::Method", "Properties": properties}


# ---- Gatehouse, and three such APIs ----


@dataclass(frozen=True)
class World:
    """Gatehouse and the other APIs; `cached` and `uncached` are named at the gate, `unnamed` is not."""

    stack: Deployed
    services: Services
    own: Client
    cached: Client
    uncached: Client
    unnamed: Client

    def token(self, scope: str, **fields: str) -> str:
        """The access token of a new session of a new user who may do `scope`."""
        return self.own.access_token(new_user(self.services, scope).username, **fields)


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package of an operator who has added the access table and lets the gate read the feed."""
    directory = other_stack.package(tmp_path_factory.mktemp("package"), "orders", block("the access table"))
    template = yaml.safe_load((directory / "sam.yaml").read_text())
    template["Parameters"]["GateReadsFeed"]["Default"] = "true"
    (directory / "sam.yaml").write_text(yaml.safe_dump(template))
    return directory


FILES = {"index.py": block("the function"), "orders.json": block("the access table")}


def added(stack: Deployed, name: str, cache_seconds: int) -> str:
    """The id of a new API of that team."""
    return add_api(stack, name, their_template(), GateCacheSeconds=str(cache_seconds))


@pytest.fixture(scope="module")
def world(package: Path) -> Iterator[World]:
    with deployed.running(package) as stack:
        add_code(stack, BUCKET, FILES)
        apis = {"cached": added(stack, "cached", 300), "uncached": added(stack, "uncached", 0)}
        unnamed = added(stack, "unnamed", 0)
        own = stack.physical_ids["RestAPI"]
        guarded = " ".join([f"{own}=gatehouse", *(f"{api_id}=orders" for api_id in apis.values())])
        interval = str(INTERVAL)
        stack.configure("APIHandler", GATEHOUSE_ISSUER=stack.url, GATEHOUSE_REVOCATION_INTERVAL=interval)
        stack.configure(
            "Gate",
            GATEHOUSE_ISSUER=stack.url,
            GATEHOUSE_GUARDED_APIS=guarded,
            GATEHOUSE_REVOCATION_INTERVAL=interval,
        )
        stack.invoke("RotateKeys", SCHEDULED)

        with services_of(stack) as services:
            clients = {name: client(stack, api_id) for name, api_id in apis.items()}
            yield World(stack, services, client(stack, own), unnamed=client(stack, unnamed), **clients)


@pytest.fixture(params=["cached", "uncached"])
def orders(world: World, request: pytest.FixtureRequest) -> Client:
    """Each of the two APIs that the gate names."""
    client: Client = getattr(world, request.param)
    return client


def challenge(reply: Reply) -> tuple[int, str]:
    return reply.status, reply.headers["www-authenticate"]


UNAUTHORIZED = (401, 'Bearer realm="gatehouse"')
FORBIDDEN = (403, 'Bearer realm="gatehouse", error="insufficient_scope"')


def test_the_template_is_one_that_cloudformation_takes() -> None:
    found = lint_all(json.dumps(their_template()))
    assert [str(match) for match in found if not match.rule.id.startswith("I")] == []  # I: advice


# ---- Who gets in ----


def test_the_right_scope_gets_in_and_the_function_is_told_who_calls(world: World, orders: Client) -> None:
    user = new_user(world.services, "orders:read")
    reply = orders.get("/orders", world.own.access_token(user.username))
    assert reply.status == 200
    caller = reply.json["caller"]
    assert {name: caller[name] for name in ("sub", "username", "client_id", "scope", "principalId")} == {
        "sub": user.sub,
        "username": user.username,
        "client_id": "gatehouse",
        "scope": "orders:read",
        "principalId": user.sub,
    }
    assert json.loads(caller["claims"]) == {}
    assert {"jti", "exp", "kid", "sid", "session_epoch"} <= caller.keys()


def test_one_token_gets_the_right_answer_at_every_route(world: World, orders: Client) -> None:
    token = world.token("orders:read")
    assert orders.get("/orders", token).status == 200
    assert orders.get("/orders/o-1", token).json["order"] == {"order_id": "o-1"}
    assert challenge(orders.send("DELETE", "/orders/o-1", bearer(token))) == FORBIDDEN
    assert challenge(orders.get("/export", token)) == FORBIDDEN
    assert orders.get("/orders/o-2", token).status == 200


def test_all_of_takes_all(world: World, orders: Client) -> None:
    half, whole = world.token("orders:write"), world.token("orders:write orders:support")
    assert challenge(orders.send("DELETE", "/orders/o-1", bearer(half))) == FORBIDDEN
    assert orders.send("DELETE", "/orders/o-1", bearer(whole)).status == 200


def test_a_token_without_the_scope_is_forbidden(world: World, orders: Client) -> None:
    token = world.token("comments:read account")
    assert challenge(orders.get("/orders", token)) == FORBIDDEN
    assert orders.get("/orders", token).headers["content-type"] == "application/problem+json"


def test_a_route_that_the_table_does_not_name_is_closed_to_every_token(world: World, orders: Client) -> None:
    token = world.token("orders:read orders:write orders:support account comments:moderate")
    assert challenge(orders.get("/export", token)) == FORBIDDEN


@pytest.mark.parametrize("headers", [{}, bearer(""), bearer("garbage"), {"Authorization": "Basic ZGVtbzpkZW1v"}])
def test_no_token_or_none_of_ours_is_unauthorized(orders: Client, headers: dict[str, str]) -> None:
    assert challenge(orders.send("GET", "/orders", headers)) == UNAUTHORIZED


def test_an_api_that_the_gate_does_not_name_lets_nobody_in(world: World) -> None:
    token = world.token("orders:read account comments:read")
    assert world.cached.get("/orders", token).status == 200
    assert challenge(world.unnamed.get("/orders", token)) == UNAUTHORIZED


def test_our_own_api_is_guarded_by_our_own_table(world: World) -> None:
    token = world.token("orders:read comments:read")
    assert world.own.get("/me", token).status == 200
    assert world.own.get("/comments", token).status == 200
    assert world.own.get("/me/sessions", token).problem()[0] == 403


# ---- When a session ends ----


def test_an_ended_session_stops_at_the_other_api_too(world: World) -> None:
    token, spared = world.token("orders:read"), world.token("orders:read")
    assert world.uncached.get("/orders", token).status == 200
    assert world.own.send("POST", "/logout", bearer(token)).status == 204
    until = time.monotonic() + END
    while (status := world.uncached.get("/orders", token).status) == 200:
        assert time.monotonic() < until
        time.sleep(INTERVAL / 10)
    assert status == 401
    assert world.uncached.get("/orders", spared).status == 200


def test_the_gate_may_read_the_feed_and_write_nothing(world: World) -> None:
    role = f"arn:aws:iam::000000000000:role/{world.stack.physical_ids['GateRole']}"
    given = world.stack.client("sts").assume_role(RoleArn=role, RoleSessionName="probe")["Credentials"]
    dynamodb, table = world.stack.client("dynamodb", given), world.stack.physical_ids["Revocations"]
    bucket = {":bucket": {"S": "0"}}
    query = {"KeyConditionExpression": "#b = :bucket", "ExpressionAttributeNames": {"#b": "bucket"}}
    assert dynamodb.query(TableName=table, ExpressionAttributeValues=bucket, **query)["Count"] == 0
    with pytest.raises(dynamodb.exceptions.ClientError, match="AccessDenied"):
        dynamodb.put_item(TableName=table, Item={"bucket": {"S": "0"}, "id": {"S": "0"}})


def test_while_the_feed_cannot_be_read_the_other_api_says_when_to_come_back(world: World) -> None:
    token = world.token("orders:read")
    world.stack.configure("Gate", GATEHOUSE_REVOCATIONS_TABLE="elsewhere")
    try:
        reply = world.uncached.get("/orders", token)
    finally:
        world.stack.configure("Gate", GATEHOUSE_REVOCATIONS_TABLE=world.stack.physical_ids["Revocations"])
    assert (reply.status, reply.headers["retry-after"]) == (503, "1")
    assert world.uncached.get("/orders", token).status == 200
