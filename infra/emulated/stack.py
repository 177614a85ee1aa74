"""The stack of infra/resources.yaml on an emulated AWS, and the environment that reaches it."""

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

import boto3

from infra import template

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import TimeToLiveSpecificationTypeDef

STACK = "gatehouse-local"
_REGION = "us-east-1"


def create(port: int) -> Mapping[str, str]:
    """Creates the stack on the emulator that listens on `port` of the loopback address.

    Gives the endpoint, credentials that open nothing elsewhere, and the variables that the template gives to
    the API function.
    """
    aws = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "emulated",
        "AWS_SECRET_ACCESS_KEY": "emulated",
        "AWS_DEFAULT_REGION": _REGION,
        "AWS_REGION": _REGION,
    }
    return MappingProxyType(aws | template.environment("APIHandler", _physical_ids(aws)))


def _physical_ids(aws: Mapping[str, str]) -> dict[str, str]:
    """Creates what the template describes and gives the physical ids by logical id."""
    session = boto3.Session(aws["AWS_ACCESS_KEY_ID"], aws["AWS_SECRET_ACCESS_KEY"], region_name=_REGION)
    cloudformation = session.client("cloudformation", endpoint_url=aws["AWS_ENDPOINT_URL"])
    cloudformation.create_stack(StackName=STACK, TemplateBody=json.dumps(template.emulated()))
    cloudformation.get_waiter("stack_create_complete").wait(
        StackName=STACK, WaiterConfig={"Delay": 1, "MaxAttempts": 30}
    )
    made = cloudformation.describe_stack_resources(StackName=STACK)["StackResources"]
    physical_ids = {item["LogicalResourceId"]: item["PhysicalResourceId"] for item in made}
    _set_time_to_live(session.client("dynamodb", endpoint_url=aws["AWS_ENDPOINT_URL"]), physical_ids)
    return physical_ids | {"AWS::StackName": STACK}


def _set_time_to_live(dynamodb: "DynamoDBClient", physical_ids: Mapping[str, str]) -> None:
    # The emulators' CloudFormation leaves it out.
    for name, attribute in template.time_to_live().items():
        specification: TimeToLiveSpecificationTypeDef = {"AttributeName": attribute, "Enabled": True}
        dynamodb.update_time_to_live(TableName=physical_ids[name], TimeToLiveSpecification=specification)
