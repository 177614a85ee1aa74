"""The packaged template, as CloudFormation sees it once SAM has expanded it: no resource waits for itself."""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from graphlib import CycleError, TopologicalSorter
from typing import Any

import pytest
import yaml
from samtranslator.translator.managed_policy_translator import ManagedPolicyLoader
from samtranslator.translator.transform import transform

from infra.emulated import deployed

# The same packaging serves the tests of the deployment beside this file.
pytestmark = pytest.mark.xdist_group("deployed")


class _NoManagedPolicies:
    """Stands for IAM, which is asked for managed policies by name; the template names none."""

    def get_paginator(self, _: str) -> "_NoManagedPolicies":
        return self

    def paginate(self, **_: object) -> list[dict[str, list[object]]]:
        return [{"Policies": []}]


@cache
def expanded() -> Mapping[str, Any]:
    """The resources of the packaged template, by logical id."""
    packaged = yaml.safe_load((deployed.package() / "sam.yaml").read_text())
    # SAM wants the code to be in S3, where `aws cloudformation package` puts it.
    for item in packaged["Resources"].values():
        if item["Type"] == "AWS::Serverless::Function":
            item["Properties"]["CodeUri"] = "s3://bucket/key"
    template: dict[str, Any] = transform(packaged, {}, ManagedPolicyLoader(_NoManagedPolicies()))
    resources: Mapping[str, Any] = template["Resources"]
    return resources


def references(value: Any) -> Iterator[str]:
    """The logical ids that `value` names by Ref, Fn::GetAtt or Fn::Sub."""
    match value:
        case {"Ref": str(name)}:
            yield name
        case {"Fn::GetAtt": [str(name), *_]} | {"Fn::GetAtt": str(name)}:
            yield name.partition(".")[0]
        case {"Fn::Sub": str(text)} | {"Fn::Sub": [str(text), *_]}:
            yield from (name.partition(".")[0] for name in re.findall(r"\$\{([^!}]+)\}", text))
            yield from references(value["Fn::Sub"][1:]) if isinstance(value["Fn::Sub"], list) else ()
        case dict():
            for part in value.values():
                yield from references(part)
        case list():
            for part in value:
                yield from references(part)


def graph(resources: Mapping[str, Any]) -> dict[str, set[str]]:
    """What each resource waits for."""

    def waits_for(item: Mapping[str, Any]) -> set[str]:
        explicit = item.get("DependsOn", [])
        named = {*references(item.get("Properties", {})), *([explicit] if isinstance(explicit, str) else explicit)}
        return named & resources.keys()

    return {name: waits_for(item) for name, item in resources.items()}


def test_no_resource_waits_for_itself() -> None:
    order = list(TopologicalSorter(graph(expanded())).static_order())
    assert len(order) == len(expanded())


def test_the_functions_know_their_tables_and_the_api_its_functions() -> None:
    waits = graph(expanded())
    assert {"Users", "Sessions", "Keys", "Revocations", "SealingKey"} <= waits["APIHandler"]
    assert {"APIHandler", "Gate"} <= waits["RestAPI"]
    assert "RestAPI" not in waits["Gate"] | waits["APIHandler"]


def test_waf_stands_before_the_stage_of_the_api() -> None:
    assert {"WebAcl", "RestAPI", "RestAPIapiStage"} <= graph(expanded())["WebAclOfApi"]
    assert expanded()["RestAPIapiStage"]["Properties"]["StageName"] == "api"


def test_the_stage_has_the_limits_and_the_gate_its_concurrency() -> None:
    limits = expanded()["RestAPIapiStage"]["Properties"]["MethodSettings"]
    assert [limit["ResourcePath"] for limit in limits] == ["/*", "/~1tokens", "/~1users", "/~1me~1password"]
    reserved = expanded()["Gate"]["Properties"]["ReservedConcurrentExecutions"]
    assert reserved["Fn::If"][:2] == ["ReservesForGate", {"Ref": "GateConcurrency"}]


def test_an_issuer_in_the_environment_would_be_a_circle() -> None:
    resources = dict(expanded())
    handler = resources["APIHandler"]
    issuer = {"Fn::Sub": "https://${RestAPI}.execute-api.${AWS::Region}.amazonaws.com/api"}
    properties = {**handler["Properties"], "Environment": {"Variables": {"GATEHOUSE_ISSUER": issuer}}}
    resources["APIHandler"] = {**handler, "Properties": properties}
    with pytest.raises(CycleError):
        TopologicalSorter(graph(resources)).prepare()
