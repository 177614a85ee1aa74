"""infra/limits.yaml: what is let in in all, of each route that hashes a password, and of one address."""

import re
from typing import Any

import pytest

from chalicelib import access_table
from chalicelib.access_table import ACCESS_TABLE, Access
from infra import template

RESOURCES = template.resources()
PARAMETERS = template.additions()["Parameters"]
CONDITIONS = template.additions()["Conditions"]
METHOD_SETTINGS = RESOURCES["RestAPI"]["Properties"]["MethodSettings"]
ALL = ("*", "/*")


def route(entry: Access) -> tuple[str, str]:
    """Method and path as the settings of a stage write them: each slash but the first is `~1`."""
    return entry.method, "/" + entry.path.replace("/", "~1")


def limits() -> dict[tuple[str, str], str]:
    """The parameter that limits each route."""
    return {
        (setting["HttpMethod"], setting["ResourcePath"]): setting["ThrottlingRateLimit"]["Ref"]
        for setting in METHOD_SETTINGS
    }


# ---- API Gateway


def test_every_route_that_hashes_a_password_has_a_limit_of_its_own_and_no_other_has() -> None:
    hashing = {route(entry) for entry in access_table.hashing()}
    assert limits().keys() == {ALL, *hashing}
    assert len({*limits().values()}) == len(limits()), "one flood does not close the other routes"


def test_a_route_that_hashes_is_limited_more_than_all_together() -> None:
    for name in {*limits().values()} - {limits()[ALL]}:
        assert 0 < PARAMETERS[name]["Default"] < PARAMETERS[limits()[ALL]]["Default"], name


@pytest.mark.parametrize("setting", METHOD_SETTINGS, ids=lambda setting: setting["ResourcePath"])
def test_a_burst_is_as_large_as_a_second(setting: dict[str, Any]) -> None:
    assert setting["ThrottlingBurstLimit"] == setting["ThrottlingRateLimit"]


# ---- AWS WAF


def rule(parameter: str) -> dict[str, Any]:
    """The rule that `parameter` turns on."""
    choices = [choice["Fn::If"] for choice in RESOURCES["WebAcl"]["Properties"]["Rules"]]
    (found,) = (made for condition, made, _ in choices if condition == f"Limits{parameter}")
    assert found["Statement"]["RateBasedStatement"]["Limit"] == {"Ref": parameter}
    made: dict[str, Any] = found
    return made


BY_ADDRESS = pytest.mark.parametrize("parameter", ["SignInsOfAddress", "RequestsOfAddress"])


@BY_ADDRESS
def test_a_limit_by_address_is_off_until_it_is_given(parameter: str) -> None:
    assert PARAMETERS[parameter]["Default"] == "0"
    off = {"Fn::Equals": [{"Ref": parameter}, "0"]}
    assert CONDITIONS[f"Limits{parameter}"] == {"Fn::Not": [off]}
    for made in ("WebAcl", "WebAclOfApi"):
        assert RESOURCES[made]["Condition"] == "HasWebAcl"
    assert {"Condition": f"Limits{parameter}"} in CONDITIONS["HasWebAcl"]["Fn::Or"]


@BY_ADDRESS
def test_a_limit_by_address_is_one_that_waf_takes(parameter: str) -> None:
    def valid(value: str) -> bool:
        return bool(re.fullmatch(PARAMETERS[parameter]["AllowedPattern"], value))

    assert [value for value in ("0", "10", "100", "999999999") if not valid(value)] == []
    assert [value for value in ("", "1", "9", "-10", "010", "ten") if valid(value)] == []


@BY_ADDRESS
def test_one_address_is_blocked_for_what_it_alone_sends(parameter: str) -> None:
    statement = rule(parameter)["Statement"]["RateBasedStatement"]
    assert rule(parameter)["Action"] == {"Block": {}}
    assert (statement["AggregateKeyType"], statement["EvaluationWindowSec"]) == ("IP", 300)


def counted(method: str, path: str) -> bool:
    """Whether the rule about passwords counts the request; `path` as WAF's transformations leave it."""
    scope = rule("SignInsOfAddress")["Statement"]["RateBasedStatement"]["ScopeDownStatement"]
    of_method, of_path = (each["RegexMatchStatement"] for each in scope["AndStatement"]["Statements"])
    assert (of_method["FieldToMatch"], of_path["FieldToMatch"]) == ({"Method": {}}, {"UriPath": {}})
    return bool(re.search(of_method["RegexString"], method) and re.search(of_path["RegexString"], path))


@pytest.mark.parametrize("base", ["/api", "", "/v1/auth"])
def test_the_rule_about_passwords_counts_the_routes_that_hash_one_and_no_others(base: str) -> None:
    found = {route(entry) for entry in ACCESS_TABLE if counted(entry.method, base + entry.path)}
    assert found == {route(entry) for entry in access_table.hashing()}


@pytest.mark.parametrize("entry", access_table.hashing(), ids=lambda entry: entry.path)
def test_no_spelling_of_a_path_escapes_the_rule(entry: Access) -> None:
    assert counted(entry.method, f"/api{entry.path}/")
    scope = rule("SignInsOfAddress")["Statement"]["RateBasedStatement"]["ScopeDownStatement"]
    of_path = scope["AndStatement"]["Statements"][1]["RegexMatchStatement"]
    assert [each["Type"] for each in of_path["TextTransformations"]] == ["URL_DECODE", "NORMALIZE_PATH"]


def test_the_limit_without_a_scope_counts_every_request() -> None:
    assert "ScopeDownStatement" not in rule("RequestsOfAddress")["Statement"]["RateBasedStatement"]


def test_waf_keeps_no_sample_of_a_request() -> None:
    """It would show the header Authorization, and with it a password."""
    acl = RESOURCES["WebAcl"]["Properties"]
    shown = [acl, rule("SignInsOfAddress"), rule("RequestsOfAddress")]
    assert [each["VisibilityConfig"]["SampledRequestsEnabled"] for each in shown] == [False] * 3


# ---- Lambda


def test_concurrency_is_reserved_for_the_gate_where_it_is_asked_for() -> None:
    reserved = {"Fn::If": ["ReservesForGate", {"Ref": "GateConcurrency"}, {"Ref": "AWS::NoValue"}]}
    assert RESOURCES["Gate"]["Properties"]["ReservedConcurrentExecutions"] == reserved
    assert CONDITIONS["ReservesForGate"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "GateConcurrency"}, "0"]}]}
    assert PARAMETERS["GateConcurrency"]["Default"] == 0
