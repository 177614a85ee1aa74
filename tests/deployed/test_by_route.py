"""Behind the deployed gate, an API guarded by route: of what docs/protect-your-api.md prints.

As an HTTP API with the cache on, and as a REST API without: of that, ministack knows no `context.*`.
"""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
import yaml
from cfnlint.api import lint_all

from chalicelib.gate.guarded_apis import read
from chalicelib.services import Services
from infra.emulated import deployed
from infra.emulated.deployed import Deployed
from infra.emulated.lambda_events import SCHEDULED
from tests.conftest import new_user
from tests.deployed.conftest import Site, services_of
from tests.support.client import Client, bearer
from tests.support.protect_your_api import block

pytestmark = [pytest.mark.ministack, pytest.mark.xdist_group("deployed")]

BUCKET, CODE = "orgs", "function.zip"
PATIENCE = 30  # seconds
TABLE = {
    "GET /orgs/{o}": {"any_of": ["org"]},
    "GET /orgs/{o}/teams/{t}": {"any_of": ["team"]},
    "GET /orgs/{o}/teams/{t}/members/{m}": {"any_of": ["member"]},
    "GET /things": {"any_of": ["org"]},
    "DELETE /things": {"any_of": ["admin"]},
    "ANY /files/{proxy+}": {"any_of": ["org"]},
}
PATHS = sorted({key.split(" ")[-1] for key in TABLE})
INVOCATIONS = (
    "arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${Orders.Arn}/invocations"
)


def function() -> dict[str, Any]:
    role = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
    properties = {
        "Runtime": "python3.11",
        "Handler": {"Ref": "Handler"},
        "Role": {"Fn::GetAtt": ["OrdersRole", "Arn"]},
        "Code": {"S3Bucket": BUCKET, "S3Key": CODE},
    }
    permission = {
        "FunctionName": {"Ref": "Orders"},
        "Action": "lambda:InvokeFunction",
        "Principal": "apigateway.amazonaws.com",
    }
    return {
        "OrdersRole": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": role}},
        "Orders": {"Type": "AWS::Lambda::Function", "Properties": properties},
        "OrdersPermission": {"Type": "AWS::Lambda::Permission", "Properties": permission},
    }


def template(resources: dict[str, Any]) -> dict[str, Any]:
    pasted = yaml.safe_load(block("the gate"))
    parameters = pasted["Parameters"] | {"Handler": {"Type": "String"}}
    return {"Parameters": parameters, "Resources": function() | resources}


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
        integration = {"Type": "AWS_PROXY", "IntegrationHttpMethod": "POST", "Uri": {"Fn::Sub": INVOCATIONS}}
        methods[f"Method{number}"] = {
            "Type": "AWS::ApiGateway::Method",
            "Properties": {
                "RestApiId": api,
                "ResourceId": parent,
                "HttpMethod": "ANY",
                "Integration": integration,
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
    directory = tmp_path_factory.mktemp("package")
    shutil.copytree(deployed.package(), directory, dirs_exist_ok=True)
    with ZipFile(directory / "deployment.zip", "a") as code:
        code.writestr("chalicelib/guarded/orgs.json", json.dumps(TABLE))
    return directory


def add_function(stack: Deployed) -> None:
    code = BytesIO()
    with ZipFile(code, "w") as files:
        files.writestr("rest.py", block("the function"))
        files.writestr("http_api.py", block("the function") + block("the handler of an HTTP API"))
        files.writestr("orders.json", json.dumps(TABLE))
    s3 = stack.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key=CODE, Body=code.getvalue())


def add_api(stack: Deployed, name: str, made: dict[str, Any], handler: str, cache_seconds: int) -> str:
    """Creates the stack, and gives the id of its API."""
    cloudformation = stack.client("cloudformation")
    (gatehouse,) = cloudformation.describe_stacks(StackName=deployed.STACK)["Stacks"]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in gatehouse["Outputs"]}
    parameters = {"GateArn": outputs["GateArn"], "GateCacheSeconds": str(cache_seconds), "Handler": handler}
    cloudformation.create_stack(
        StackName=name,
        TemplateBody=json.dumps(made),
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
        Capabilities=["CAPABILITY_IAM"],
    )
    cloudformation.get_waiter("stack_create_complete").wait(
        StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": PATIENCE}
    )
    api = cloudformation.describe_stack_resource(StackName=name, LogicalResourceId="OrdersApi")
    api_id: str = api["StackResourceDetail"]["PhysicalResourceId"]
    return api_id


@pytest.fixture(scope="module")
def world(package: Path) -> Iterator[World]:
    with deployed.running(package) as stack:
        add_function(stack)
        http = add_api(stack, "http", http_template(), "http_api.handler", 300)
        rest = add_api(stack, "rest", rest_template(), "rest.handler", 0)
        own = stack.physical_ids["RestAPI"]
        guarded = f"{own}=gatehouse {http}=orgs {rest}=orgs"
        stack.configure("APIHandler", GATEHOUSE_ISSUER=stack.url)
        stack.configure("Gate", GATEHOUSE_ISSUER=stack.url, GATEHOUSE_GUARDED_APIS=guarded)
        stack.invoke("RotateKeys", SCHEDULED)

        def client(api_id: str) -> Client:
            return Site(f"{stack.endpoint}/_aws/execute-api/{api_id}/{deployed.STAGE}", stack.url).client

        with services_of(stack) as services:
            yield World(services, client(own), client(http), client(rest))


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
