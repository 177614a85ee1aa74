"""The emulated AWS: moto in this process, on a free loopback port, with what infra/resources.yaml describes."""

import json
from collections.abc import Mapping
from functools import cache
from threading import Thread
from types import MappingProxyType
from typing import TYPE_CHECKING

import boto3
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from infra import template

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import TimeToLiveSpecificationTypeDef

STACK = "gatehouse-local"
_REGION = "us-east-1"


class _SilentHandler(WSGIRequestHandler):
    """Answers without a log line for each call."""

    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002 (the name is werkzeug's)
        pass


@cache
def start() -> Mapping[str, str]:
    """Starts the emulator, if it does not run yet, and creates the stack.

    Gives the environment that reaches it: the endpoint, credentials that open nothing elsewhere, and the
    variables that the template gives to the API function. It ends with the process; there is one for each
    process, for that is where moto keeps its state.
    """
    server = _serve()
    aws = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}",
        "AWS_ACCESS_KEY_ID": "emulated",
        "AWS_SECRET_ACCESS_KEY": "emulated",
        "AWS_DEFAULT_REGION": _REGION,
        "AWS_REGION": _REGION,
    }
    physical_ids = _create_stack(aws)
    return MappingProxyType(aws | template.environment("APIHandler", physical_ids))


def _serve() -> BaseWSGIServer:
    # One thread: moto's conditional writes and transactions are atomic only while nothing runs beside them.
    application = DomainDispatcherApplication(create_backend_app)
    server = make_server("127.0.0.1", 0, application, threaded=False, request_handler=_SilentHandler)
    Thread(target=server.serve_forever, name="moto", daemon=True).start()
    return server


def _create_stack(aws: Mapping[str, str]) -> dict[str, str]:
    """Creates what the template describes and gives the physical ids by logical id."""
    session = boto3.Session(aws["AWS_ACCESS_KEY_ID"], aws["AWS_SECRET_ACCESS_KEY"], region_name=_REGION)
    cloudformation = session.client("cloudformation", endpoint_url=aws["AWS_ENDPOINT_URL"])
    cloudformation.create_stack(StackName=STACK, TemplateBody=json.dumps(template.emulated()))
    made = cloudformation.describe_stack_resources(StackName=STACK)["StackResources"]
    physical_ids = {item["LogicalResourceId"]: item["PhysicalResourceId"] for item in made}
    _set_time_to_live(session.client("dynamodb", endpoint_url=aws["AWS_ENDPOINT_URL"]), physical_ids)
    return physical_ids | {"AWS::StackName": STACK}


def _set_time_to_live(dynamodb: "DynamoDBClient", physical_ids: Mapping[str, str]) -> None:
    # moto's CloudFormation leaves it out.
    for name, attribute in template.time_to_live().items():
        specification: TimeToLiveSpecificationTypeDef = {"AttributeName": attribute, "Enabled": True}
        dynamodb.update_time_to_live(TableName=physical_ids[name], TimeToLiveSpecification=specification)
