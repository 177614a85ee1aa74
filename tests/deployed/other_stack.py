"""The stack of another team behind the deployed gate: its function, its API, and clients of it."""

import json
import shutil
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from infra.emulated import deployed
from infra.emulated.deployed import Deployed
from tests.deployed.conftest import Site
from tests.support.client import Client
from tests.support.patience import END

CODE = "function.zip"
_INVOCATIONS = (
    "arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${Orders.Arn}/invocations"
)
INTEGRATION = {"Type": "AWS_PROXY", "IntegrationHttpMethod": "POST", "Uri": {"Fn::Sub": _INVOCATIONS}}


def package(directory: Path, table: str, rows: str) -> Path:
    """The package of an operator who has added an access table, `rows` as `chalicelib/guarded/TABLE.json`."""
    shutil.copytree(deployed.package(), directory, dirs_exist_ok=True)
    with ZipFile(directory / "deployment.zip", "a") as code:
        code.writestr(f"chalicelib/guarded/{table}.json", rows)
    return directory


def function(bucket: str, handler: object) -> dict[str, Any]:
    """The resources of the team's function, whose code lies in `bucket`."""
    role = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
    properties = {
        "Runtime": "python3.11",
        "Handler": handler,
        "Role": {"Fn::GetAtt": ["OrdersRole", "Arn"]},
        "Code": {"S3Bucket": bucket, "S3Key": CODE},
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


def add_code(stack: Deployed, bucket: str, files: Mapping[str, str]) -> None:
    """The team's code, where their template has it."""
    code = BytesIO()
    with ZipFile(code, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    s3 = stack.client("s3")
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key=CODE, Body=code.getvalue())


def add_api(stack: Deployed, name: str, template: dict[str, Any], **parameters: str) -> str:
    """Creates the team's stack, with the gate's address among its `parameters`, and gives the id of its API."""
    cloudformation = stack.client("cloudformation")
    (gatehouse,) = cloudformation.describe_stacks(StackName=deployed.STACK)["Stacks"]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in gatehouse["Outputs"]}
    given = {"GateArn": outputs["GateArn"], **parameters}
    cloudformation.create_stack(
        StackName=name,
        TemplateBody=json.dumps(template),
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in given.items()],
        Capabilities=["CAPABILITY_IAM"],
    )
    cloudformation.get_waiter("stack_create_complete").wait(
        StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": int(END)}
    )
    api = cloudformation.describe_stack_resource(StackName=name, LogicalResourceId="OrdersApi")
    api_id: str = api["StackResourceDetail"]["PhysicalResourceId"]
    return api_id


def client(stack: Deployed, api_id: str) -> Client:
    """A client of any API there."""
    return Site(f"{stack.endpoint}/_aws/execute-api/{api_id}/{deployed.STAGE}", stack.url).client
