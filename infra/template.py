"""What infra/*.yaml say, as Python reads it: one description for AWS, for the emulator, for the gateway."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from chalice import Chalice
from chalice.deploy.swagger import CFNSwaggerGenerator
from chalice.package import TemplateDeepMerger

from chalicelib.access_table import guarded
from chalicelib.gate.policy import AccessTable

FILES = ("resources.yaml", "limits.yaml", "watch.yaml")

# How API Gateway asks a gate that guards by route: its answer is kept for the token, the method and the resource.
# The name of the header stands in the identity source ("x-amazon-apigateway-authorizer object").
BY_ROUTE = {
    "name": "Unused",
    "x-amazon-apigateway-authorizer": {
        "type": "request",
        "identitySource": "method.request.header.Authorization, context.httpMethod, context.resourcePath",
    },
}

# What the emulated AWS is asked to create; the rest of the file is IAM and what Chalice makes.
_EMULATED = frozenset({"AWS::DynamoDB::Table", "AWS::KMS::Key"})


@cache
def additions() -> dict[str, Any]:
    """All that is merged into the template that Chalice makes: resources, parameters, conditions, outputs."""
    merged: dict[str, Any] = {}
    for name in FILES:
        merged = TemplateDeepMerger().merge(yaml.safe_load(Path(__file__).with_name(name).read_text()), merged)
    if AccessTable(guarded()).cause is not None:
        definition = merged["Resources"]["RestAPI"]["Properties"]["DefinitionBody"]
        definition["securityDefinitions"]["gate"] = BY_ROUTE
    return merged


def resources() -> dict[str, Any]:
    """Every resource by its logical id, partial ones (without a `Type`) included."""
    named: dict[str, Any] = additions()["Resources"]
    return named


def emulated() -> dict[str, Any]:
    """The CloudFormation template of the tables and keys alone."""
    made = {name: item for name, item in resources().items() if item.get("Type") in _EMULATED}
    return {**{name: additions()[name] for name in ("Parameters", "Conditions")}, "Resources": made}


def time_to_live() -> dict[str, str]:
    """The attribute by which each table's items expire, by the table's logical id, where it has one."""
    properties = {name: item["Properties"] for name, item in emulated()["Resources"].items()}
    return {
        name: values["TimeToLiveSpecification"]["AttributeName"]
        for name, values in properties.items()
        if "TimeToLiveSpecification" in values
    }


def environment(function: str, physical_ids: Mapping[str, str]) -> dict[str, str]:
    """The variables that the template gives to `function`, each `Ref` as `physical_ids` or the parameters have it.

    Raises `KeyError` for a reference that is not there.
    """
    properties = resources().get(function, {}).get("Properties", {})
    variables = properties.get("Environment", {}).get("Variables", {})
    defaults = {name: str(parameter["Default"]) for name, parameter in additions()["Parameters"].items()}
    return {name: _resolved(value, defaults | dict(physical_ids)) for name, value in variables.items()}


def _resolved(value: str | dict[str, str], physical_ids: Mapping[str, str]) -> str:
    return value if isinstance(value, str) else physical_ids[value["Ref"]]


def api_definition(app: Chalice) -> dict[str, Any]:
    """The OpenAPI definition of `app`'s REST API: Chalice's, with the additions of the file merged as
    `chalice package --merge-template` merges them. Routes, authorizers and gateway responses stand in it."""
    made = CFNSwaggerGenerator().generate_swagger(app)
    additions = resources()["RestAPI"]["Properties"]["DefinitionBody"]
    definition: dict[str, Any] = TemplateDeepMerger().merge(additions, made)
    return definition
