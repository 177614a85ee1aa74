"""Behind the deployed gate, an API guarded by route: of what docs/protect-your-api.md prints.

As an HTTP API with the cache on, and as a REST API without: of that, ministack knows no `context.*`.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from cfnlint.api import lint_all

from chalicelib.gate.guarded_apis import read
from chalicelib.services import Services
from infra.emulated import deployed
from infra.emulated.lambda_events import SCHEDULED
from tests.conftest import new_user
from tests.deployed import other_stack
from tests.deployed.conftest import services_of
from tests.deployed.other_stack import add_api, add_code, client
from tests.support.client import Client, bearer
from tests.support.protect_your_api import block

pytestmark = [pytest.mark.ministack, pytest.mark.xdist_group("deployed")]

BUCKET = "orgs"
TABLE = {
    "GET /orgs/{o}": {"any_of": ["org"]},
    "GET /orgs/{o}/teams/{t}": {"any_of": ["team"]},
    "GET /orgs/{o}/teams/{t}/members/{m}": {"any_of": ["member"]},
    "GET /things": {"any_of": ["org"]},
    "DELETE /things": {"any_of": ["admin"]},
    "ANY /files/{proxy+}": {"any_of": ["org"]},
}
PATHS = sorted({key.split(" ")[-1] for key in TABLE})


def template(resources: dict[str, Any]) -> dict[str, Any]:
    pasted = yaml.safe_load(block("the gate"))
    parameters = pasted["Parameters"] | {"Handler": {"Type": "String"}}
    return {"Parameters": parameters, "Resources": other_stack.function(BUCKET, {"Ref": "Handler"}) | resources}


def rest_template() -> dict[str, Any]:
    api = {"Ref": "OrdersApi"}
    pasted = (
        yaml.safe_load(block("the gate"))["Resources"] | yaml.safe_load(block("the gate by route"))["Resources"]
    )
    resources: dict[str, Any] = {"OrdersApi": {"Type": "AWS::ApiGateway::RestApi", "Properties": {"Name": "orgs"}}}
    methods = {}
    for number, path in enumerate(PATHS):
        parent: Any = {"Fn::GetAtt": ["OrdersApi", "RootResourceId"]}
        begin = ""
        for part in path.split("/")[1:]:
            begin += f"/{part}"
            name = "Path" + "".join(filter(str.isalnum, begin.title()))
            properties = {"RestApiId": api, "ParentId": parent, "PathPart": part}
            resources[name] = {"Type": "AWS::ApiGateway::Resource", "Properties": properties}
            parent = {"Ref": name}
        methods[f"Method{number}"] = {
            "Type": "AWS::ApiGateway::Method",
            "Properties": {
                "RestApiId": api,
                "ResourceId": parent,
                "HttpMethod": "ANY",
                "Integration": other_stack.INTEGRATION,
                **yaml.safe_load(block("each method")),
            },
        }
    deployment = {
        "Type": "AWS::ApiGateway::Deployment",
        "DependsOn": [*methods, "Unauthorized", "AccessDenied", "AuthorizerFailure"],
        "Properties": {"RestApiId": api, "StageName": deployed.STAGE},
    }
    return template(resources | methods | pasted | {"Deployment": deployment})


def http_template() -> dict[str, Any]:
    api = {"Ref": "OrdersApi"}
    pasted = yaml.safe_load(block("the gate of an HTTP API"))["Resources"]
    permission = yaml.safe_load(block("the gate"))["Resources"]["GatePermission"]
    integration = {
        "ApiId": api,
        "IntegrationType": "AWS_PROXY",
        "IntegrationUri": {"Fn::GetAtt": ["Orders", "Arn"]},
        "PayloadFormatVersion": "2.0",
    }
    routes = {
        f"Route{number}": {
            "Type": "AWS::ApiGatewayV2::Route",
            "Properties": {
                "ApiId": api,
                "RouteKey": f"ANY {path}",
                "Target": {"Fn::Sub": "integrations/${Integration}"},
                **yaml.safe_load(block("each method")),
            },
        }
        for number, path in enumerate(PATHS)
    }
    stage = {"ApiId": api, "StageName": deployed.STAGE, "AutoDeploy": True}
    return template(
        {
            "OrdersApi": {
                "Type": "AWS::ApiGatewayV2::Api",
                "Properties": {"Name": "orgs", "ProtocolType": "HTTP"},
            },
            "Stage": {"Type": "AWS::ApiGatewayV2::Stage", "Properties": stage},
            "Integration": {"Type": "AWS::ApiGatewayV2::Integration", "Properties": integration},
            **routes,
            **pasted,
            "GatePermission": permission,
        }
    )


@dataclass(frozen=True)
class World:
    """Gatehouse, and the API in both forms: `http` with the cache on, `rest` without."""

    services: Services
    own: Client
    http: Client
    rest: Client

    def token(self, scope: str) -> str:
        """The access token of a new user who may do `scope`."""
        return self.own.access_token(new_user(self.services, scope).username)


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return other_stack.package(tmp_path_factory.mktemp("package"), "orgs", json.dumps(TABLE))


FILES = {
    "rest.py": block("the function"),
    "http_api.py": block("the function") + block("the handler of an HTTP API"),
    "orders.json": json.dumps(TABLE),
}


@pytest.fixture(scope="module")
def world(package: Path) -> Iterator[World]:
    with deployed.running(package) as stack:
        add_code(stack, BUCKET, FILES)
        http = add_api(stack, "http", http_template(), Handler="http_api.handler", GateCacheSeconds="300")
        rest = add_api(stack, "rest", rest_template(), Handler="rest.handler", GateCacheSeconds="0")
        own = stack.physical_ids["RestAPI"]
        guarded = f"{own}=gatehouse {http}=orgs {rest}=orgs"
        stack.configure("APIHandler", GATEHOUSE_ISSUER=stack.url)
        stack.configure("Gate", GATEHOUSE_ISSUER=stack.url, GATEHOUSE_GUARDED_APIS=guarded)
        stack.invoke("RotateKeys", SCHEDULED)

        with services_of(stack) as services:
            yield World(services, *(client(stack, api_id) for api_id in (own, http, rest)))


@pytest.fixture(params=["http", "rest"])
def orgs(world: World, request: pytest.FixtureRequest) -> Client:
    client: Client = getattr(world, request.param)
    return client


@pytest.mark.parametrize("made", [rest_template, http_template])
def test_the_templates_are_ones_that_cloudformation_takes(made: Any) -> None:
    found = lint_all(json.dumps(made()))
    assert [str(match) for match in found if not match.rule.id.startswith("I")] == []  # I: advice


def test_no_policy_for_the_whole_api_guards_it() -> None:
    assert read(json.dumps(TABLE)).cause is not None


def test_two_routes_one_token_one_allowed(world: World, orgs: Client) -> None:
    token = world.token("org member")
    for _ in range(2):
        assert orgs.get("/orgs/1", token).status == 200
        assert orgs.get("/orgs/1/teams/2", token).status == 403
        assert orgs.get("/orgs/1/teams/2/members/3", token).status == 200
        assert orgs.get("/orgs/4", token).status == 200


def test_get_does_not_open_delete_of_one_any_route(world: World, orgs: Client) -> None:
    token = world.token("org")
    assert orgs.get("/things", token).status == 200
    assert orgs.send("DELETE", "/things", bearer(token)).status == 403


def test_two_paths_under_one_greedy_route(world: World, orgs: Client) -> None:
    token, other = world.token("org"), world.token("team")
    assert [orgs.get(f"/files/{path}", token).status for path in ("a", "b/c/d")] == [200, 200]
    assert orgs.get("/files/a", other).status == 403


def test_without_a_token_it_is_401(orgs: Client) -> None:
    assert orgs.send("GET", "/orgs/1").status == 401
