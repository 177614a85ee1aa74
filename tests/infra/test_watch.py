"""infra/watch.yaml: logs, alarms and the dashboard; docs/operations.md has each alarm's runbook and the schema."""

import json
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from chalicelib.telemetry.events import Event, EventName, Measure
from chalicelib.telemetry.log import NAMESPACE, Source
from infra import template

ROOT = Path(__file__).parents[2]
RESOURCES = template.resources()
ALARMS = {
    name: item["Properties"] for name, item in RESOURCES.items() if item.get("Type") == "AWS::CloudWatch::Alarm"
}
MANUAL = (ROOT / "docs/operations.md").read_text()
FUNCTIONS = ("APIHandler", "Gate", "RotateKeys")


def anchors(page: str) -> set[str]:
    """The names that links to headings of `page` have."""
    headings = re.findall(r"^#+ (.+)$", page, re.MULTILINE)
    return {re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def dashboard() -> Any:
    return json.loads(RESOURCES["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"])


# ---- Alarms


@pytest.mark.parametrize("name", ALARMS)
def test_an_alarm_tells_the_topic_when_it_begins_and_when_it_ends(name: str) -> None:
    topic = [{"Ref": "AlarmTopic"}]
    assert (ALARMS[name]["AlarmActions"], ALARMS[name]["OKActions"]) == (topic, topic)


@pytest.mark.parametrize("name", ALARMS)
def test_an_alarm_leads_to_its_runbook(name: str) -> None:
    link = re.search(r"docs/operations\.md#([a-z-]+)$", ALARMS[name]["AlarmDescription"])
    assert link
    assert link[1] in anchors(MANUAL)
    assert f"`{name}`" in MANUAL


def test_every_alarm_of_the_manual_is_there() -> None:
    assert set(re.findall(r"`(\w+Alarm)`", MANUAL)) == set(ALARMS)


@pytest.mark.parametrize("name", [name for name, alarm in ALARMS.items() if alarm.get("Namespace") == NAMESPACE])
def test_an_alarm_watches_what_is_written(name: str) -> None:
    alarm = ALARMS[name]
    assert alarm["MetricName"] in {*EventName, *Measure}
    assert alarm["Dimensions"] == [{"Name": "stage", "Value": {"Ref": "AWS::StackName"}}]


def test_there_is_an_alarm_for_each_thing_that_goes_wrong() -> None:
    watched = {alarm.get("MetricName") for alarm in ALARMS.values()}
    assert watched >= {
        *(EventName.SIGN_IN_REFUSED, EventName.SIGN_IN_THROTTLED, EventName.SIGN_IN_FAILURES_PILED_UP),
        *(EventName.REFRESH_TOKEN_REUSED, Measure.STORE_UNAVAILABLE, Measure.FEED_LAG),
        *(Measure.EVENTS_LOST, Measure.KEY_OVERDUE, "Errors", "5XXError"),
    }


def test_only_a_schedule_that_stopped_is_told_by_silence() -> None:
    breaching = {name for name, alarm in ALARMS.items() if alarm["TreatMissingData"] == "breaching"}
    assert breaching == {"KeyOverdueAlarm"}


def test_the_errors_of_the_gate_raise_no_alarm() -> None:
    # A refused token is one: API Gateway takes 401 from an exception alone.
    errors = [alarm["Dimensions"] for alarm in ALARMS.values() if alarm.get("MetricName") == "Errors"]
    assert {dimension["Value"]["Ref"] for (dimension,) in errors} == {"APIHandler", "RotateKeys"}


def test_the_api_has_the_name_that_its_alarm_watches() -> None:
    (dimension,) = ALARMS["ServerErrorsAlarm"]["Dimensions"]
    assert dimension["Value"] == RESOURCES["RestAPI"]["Properties"]["DefinitionBody"]["info"]["title"]


# ---- The dashboard


def test_the_dashboard_shows_every_alarm() -> None:
    shown = next(widget for widget in dashboard()["widgets"] if widget["type"] == "alarm")
    assert set(shown["properties"]["alarms"]) == {f"${{{name}.Arn}}" for name in ALARMS}


def test_the_dashboard_shows_what_is_written() -> None:
    body = RESOURCES["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    shown = set(re.findall(r'"([a-z]+_[a-z_]+|refresh)", (?:"stage"|"\.")', body))
    assert shown <= {*EventName, *Measure}
    assert {EventName.SIGN_IN, EventName.REFRESH, Measure.KEY_AGE, Measure.FEED_LAG} <= shown


# ---- Logs


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_writes_json_to_a_group_of_its_own(function: str) -> None:
    config = RESOURCES[function]["Properties"]["LoggingConfig"]
    assert (config["LogFormat"], config["ApplicationLogLevel"]) == ("JSON", "INFO"), (
        "events are records of this level"
    )
    assert config["LogGroup"] == {"Ref": f"{function}Logs"}


@pytest.mark.parametrize("group", [*(f"{function}Logs" for function in FUNCTIONS), "AccessLogs"])
def test_logs_are_kept_for_a_time_and_longer_than_the_stack(group: str) -> None:
    assert RESOURCES[group]["Properties"]["RetentionInDays"] == {"Ref": "LogRetentionDays"}
    assert RESOURCES[group]["DeletionPolicy"] == "Retain"


def test_the_access_log_is_json_without_anything_that_a_client_could_hide_a_secret_in() -> None:
    written = json.loads(RESOURCES["RestAPI"]["Properties"]["AccessLogSetting"]["Format"])
    assert set(written.values()) == {
        *("$context.requestId", "$context.integration.requestId", "$context.requestTimeEpoch"),
        *("$context.identity.sourceIp", "$context.httpMethod", "$context.resourcePath", "$context.status"),
        *("$context.error.responseType", "$context.responseLatency", "$context.integrationLatency"),
        *("$context.authorizer.latency", "$context.authorizer.sub", "$context.authorizer.sid"),
    }


@pytest.mark.parametrize("group", [*(f"{function}Logs" for function in FUNCTIONS), "AccessLogs"])
def test_logs_are_encrypted_with_the_customers_key_where_there_is_one(group: str) -> None:
    key = {"Fn::If": ["HasKmsKey", {"Ref": "KmsKeyArn"}, {"Ref": "AWS::NoValue"}]}
    assert RESOURCES[group]["Properties"]["KmsKeyId"] == key


def test_whoever_writes_logs_may_use_the_customers_key_through_cloudwatch_alone() -> None:
    policy = RESOURCES["LogsKmsKeyPolicy"]
    (statement,) = policy["Properties"]["PolicyDocument"]["Statement"]
    assert policy["Condition"] == "HasKmsKey"
    assert statement["Resource"] == {"Ref": "KmsKeyArn"}
    through = {"Fn::Sub": "logs.${AWS::Region}.${AWS::URLSuffix}"}
    assert statement["Condition"] == {"StringEquals": {"kms:ViaService": through}}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_role_may_write_to_the_group_of_its_function_alone(function: str) -> None:
    names = {"APIHandler": "api_handler", "Gate": "gate", "RotateKeys": "rotate_keys"}
    config = json.loads((ROOT / ".chalice/config.json").read_text())["lambda_functions"][names[function]]
    (statement,) = json.loads((ROOT / ".chalice" / config["iam_policy_file"]).read_text())["Statement"]
    assert statement["Resource"] == {"Fn::GetAtt": [f"{function}Logs", "Arn"]}
    assert set(statement["Action"]) == {"logs:CreateLogStream", "logs:PutLogEvents"}


def test_a_limit_that_is_reached_is_seen_in_the_access_log() -> None:
    seen, alarm = RESOURCES["SharedLimitReached"]["Properties"], ALARMS["SharedLimitReachedAlarm"]
    (metric,) = seen["MetricTransformations"]
    assert (metric["MetricNamespace"], metric["MetricName"]) == (alarm["Namespace"], alarm["MetricName"])
    assert seen["LogGroupName"] == {"Ref": "AccessLogs"}
    field = re.fullmatch(r'{ \$\.(\w+) = "THROTTLED" }', seen["FilterPattern"])
    assert field
    written = json.loads(RESOURCES["RestAPI"]["Properties"]["AccessLogSetting"]["Format"])
    assert written[field[1]] == "$context.error.responseType"


# ---- The schema of the audit trail


def table(heading: str) -> set[str]:
    """The words in the first column of the table under `heading`."""
    _, _, rest = MANUAL.partition(f"| {heading} |")
    rows = re.findall(r"^\| (.+?) \| ", rest.partition("\n\n")[0], re.MULTILINE)
    return {word for row in rows for word in re.findall(r"`(\w+)`", row)}


def test_the_manual_lists_every_member_of_an_event() -> None:
    assert table("member | is") == {field.name for kind in (Event, Source) for field in fields(kind)} | {
        "stage",
        "version",
    }


def test_the_manual_lists_every_event() -> None:
    assert table("`event` | when") == set(EventName)


def test_the_manual_names_every_measurement() -> None:
    assert all(f"`{measure}`" in MANUAL for measure in Measure)
