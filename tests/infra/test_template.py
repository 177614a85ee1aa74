"""infra/resources.yaml says what a deployment needs, and what the emulator makes of it is the same.

What watches it is held by test_watch.py."""

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
import yaml

from infra import template
from infra.emulated import moto_server

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

TABLES = {name: item for name, item in template.resources().items() if item.get("Type") == "AWS::DynamoDB::Table"}
PARAMETERS, CONDITIONS = (template.additions()[part] for part in ("Parameters", "Conditions"))
DEFINITION = template.resources()["RestAPI"]["Properties"]["DefinitionBody"]
RESPONSES = DEFINITION["x-amazon-apigateway-gateway-responses"]


def granted(function: str) -> dict[str, list[str]]:
    """The actions that the policy of `function` allows, by the one resource that each statement names."""
    policy = template.resources()[f"{function}Policy"]["Properties"]["PolicyDocument"]
    return {statement["Resource"]["Fn::GetAtt"][0]: statement["Action"] for statement in policy["Statement"]}


def variable(table: str) -> str:
    return f"GATEHOUSE_{table.upper()}_TABLE"


def response_header(response_type: str, name: str) -> str | None:
    value: str | None = RESPONSES[response_type]["responseParameters"].get(f"gatewayresponse.header.{name}")
    return value


# ---- Tables and the key ----


def test_the_tables_are_the_ones_of_the_design() -> None:
    assert TABLES.keys() == {"Users", "Sessions", "Keys", "Comments", "Revocations", "Attempts"}


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_on_demand_restorable_kept_and_not_named(name: str) -> None:
    properties = TABLES[name]["Properties"]
    assert properties["BillingMode"] == "PAY_PER_REQUEST"
    assert properties["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert "TableName" not in properties
    assert (TABLES[name]["DeletionPolicy"], TABLES[name]["UpdateReplacePolicy"]) == ("Retain", "Retain")


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_protected_by_a_parameter_and_not_by_what_the_stage_is_called(name: str) -> None:
    assert TABLES[name]["Properties"]["DeletionProtectionEnabled"] == {"Fn::If": ["ProtectsData", True, False]}
    assert CONDITIONS["ProtectsData"] == {"Fn::Equals": [{"Ref": "ProtectData"}, "true"]}
    assert PARAMETERS["ProtectData"]["Default"] == "true"


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_encrypted_with_the_customers_key_where_there_is_one(name: str) -> None:
    customers = {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": {"Ref": "KmsKeyArn"}}
    encrypted = {"Fn::If": ["HasKmsKey", customers, {"Ref": "AWS::NoValue"}]}
    assert TABLES[name]["Properties"]["SSESpecification"] == encrypted
    assert CONDITIONS["HasKmsKey"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "KmsKeyArn"}, ""]}]}
    assert PARAMETERS["KmsKeyArn"]["Default"] == ""


@pytest.mark.parametrize(
    ("policy", "roles", "condition"),
    [
        ("TablesKmsKeyPolicy", ["ApiHandlerRole", "RotateKeysRole"], "HasKmsKey"),
        ("FeedKmsKeyPolicy", ["GateRole"], "GateNeedsKmsKey"),
    ],
)
def test_whoever_uses_a_table_may_use_the_customers_key_through_dynamodb_alone(
    policy: str, roles: list[str], condition: str
) -> None:
    made = template.resources()[policy]
    (statement,) = made["Properties"]["PolicyDocument"]["Statement"]
    assert made["Condition"] == condition
    assert [role["Ref"] for role in made["Properties"]["Roles"]] == roles
    assert statement["Resource"] == {"Ref": "KmsKeyArn"}
    through = {"Fn::Sub": "dynamodb.${AWS::Region}.${AWS::URLSuffix}"}
    assert statement["Condition"] == {"StringEquals": {"kms:ViaService": through}}
    assert not any("*" in action for action in statement["Action"])


def test_a_gate_that_reads_no_feed_needs_no_key_for_it() -> None:
    both = [{"Condition": "HasKmsKey"}, {"Condition": "GateAsksFeed"}]
    assert CONDITIONS["GateNeedsKmsKey"] == {"Fn::And": both}


@pytest.mark.parametrize(
    ("arn", "is_valid"),
    [
        ("", True),
        ("arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab", True),
        ("arn:aws-cn:kms:cn-north-1:123456789012:key/mrk-1234abcd12ab34cd56ef1234567890ab", True),
        ("1234abcd-12ab-34cd-56ef-1234567890ab", False),
        ("alias/ours", False),
        ("arn:aws:kms:eu-central-1:123456789012:alias/ours", False),
    ],
)
def test_a_customers_key_is_named_by_its_arn(arn: str, is_valid: bool) -> None:
    """CloudWatch Logs takes no alias, nor an id alone."""
    assert bool(re.fullmatch(PARAMETERS["KmsKeyArn"]["AllowedPattern"], arn)) is is_valid


def test_what_expires_expires_by_one_attribute() -> None:
    assert template.time_to_live() == dict.fromkeys(("Sessions", "Revocations", "Attempts"), "expires_at")


def test_the_sealing_key_rotates_and_is_kept() -> None:
    key = template.resources()["SealingKey"]
    assert key["Properties"]["EnableKeyRotation"] is True
    assert key["DeletionPolicy"] == "Retain"
    assert "KeySpec" not in key["Properties"], "the default is a symmetric key"


# ---- Functions ----


def test_the_api_function_knows_every_table_and_the_key() -> None:
    names = template.environment("APIHandler", {name: name for name in [*template.resources(), "AWS::StackName"]})
    assert names == {
        "GATEHOUSE_STAGE": "AWS::StackName",
        "GATEHOUSE_KMS_KEY": "SealingKey",
        "GATEHOUSE_EVENT_BUS": "",
        **{variable(table): table for table in TABLES},
    }


def test_the_gate_is_given_the_feed_and_told_whether_to_read_it() -> None:
    assert template.environment("Gate", {"GateReadsFeed": "false", "Revocations": "feed"}) == {
        "GATEHOUSE_GATE_READS_FEED": "false",
        "GATEHOUSE_REVOCATIONS_TABLE": "feed",
    }


def test_the_gate_may_read_the_feed_where_it_is_told_to_and_else_nothing() -> None:
    assert granted("Gate") == {"Revocations": ["dynamodb:Query"]}
    whole = yaml.safe_load((Path(template.__file__).with_name("resources.yaml")).read_text())
    assert whole["Resources"]["GatePolicy"]["Condition"] == "GateAsksFeed"
    assert whole["Conditions"]["GateAsksFeed"] == {"Fn::Equals": [{"Ref": "GateReadsFeed"}, "true"]}
    assert whole["Parameters"]["GateReadsFeed"]["Default"] == "false"


def test_an_unknown_reference_is_an_error() -> None:
    with pytest.raises(KeyError):
        template.environment("APIHandler", {})


def test_the_api_function_may_use_each_resource_and_write_no_key() -> None:
    actions = granted("APIHandler")
    assert actions.keys() == {*TABLES, "SealingKey"}
    assert actions["Keys"] == ["dynamodb:Query"]
    assert actions["SealingKey"] == ["kms:Decrypt"]


def test_the_rotation_writes_the_key_ring_and_opens_nothing() -> None:
    actions = granted("RotateKeys")
    assert actions.keys() == {"Keys", "SealingKey"}
    assert actions["SealingKey"] == ["kms:Encrypt"]
    assert template.environment(
        "RotateKeys", {name: name for name in ["Keys", "SealingKey", "AWS::StackName"]}
    ) == {
        "GATEHOUSE_STAGE": "AWS::StackName",
        "GATEHOUSE_KEYS_TABLE": "Keys",
        "GATEHOUSE_KMS_KEY": "SealingKey",
        "GATEHOUSE_EVENT_BUS": "",
    }


@pytest.mark.parametrize("function", ["APIHandler", "RotateKeys", "Gate"])
def test_no_function_may_do_anything_by_wildcard(function: str) -> None:
    assert not any("*" in action for actions in granted(function).values() for action in actions)


# ---- Gateway responses ----


@pytest.mark.parametrize("response_type", RESPONSES)
def test_a_gateway_response_is_a_problem_that_a_browser_client_can_read(response_type: str) -> None:
    response = RESPONSES[response_type]
    problem: dict[str, Any] = json.loads(response["responseTemplates"]["application/json"])
    assert problem.keys() == {"type", "title", "status", "detail"}
    assert problem["type"] == "about:blank"
    assert str(problem["status"]) == response["statusCode"]
    assert response_header(response_type, "Content-Type") == "'application/problem+json'"
    assert response_header(response_type, "Cache-Control") == "'no-store'"
    assert response_header(response_type, "Access-Control-Allow-Origin") == "'*'"
    assert response_header(response_type, "Access-Control-Expose-Headers") == "'WWW-Authenticate, Retry-After'"


@pytest.mark.parametrize("response_type", RESPONSES)
def test_header_values_are_quoted_as_api_gateway_wants_static_ones(response_type: str) -> None:
    for name, value in RESPONSES[response_type]["responseParameters"].items():
        assert name.startswith("gatewayresponse.header.")
        assert value[0] == value[-1] == "'"
        assert "'" not in value[1:-1]


def test_the_challenges_are_bearers() -> None:
    assert response_header("UNAUTHORIZED", "WWW-Authenticate") == "'Bearer realm=\"gatehouse\"'"
    assert (
        response_header("ACCESS_DENIED", "WWW-Authenticate")
        == '\'Bearer realm="gatehouse", error="insufficient_scope"\''
    )


def test_whoever_should_come_back_is_told_when() -> None:
    waiting = {name for name in RESPONSES if response_header(name, "Retry-After") == "'1'"}
    assert waiting == {
        "THROTTLED",
        "QUOTA_EXCEEDED",
        "WAF_FILTERED",
        "AUTHORIZER_FAILURE",
        "INTEGRATION_FAILURE",
        "INTEGRATION_TIMEOUT",
    }


def test_the_statuses_are_these() -> None:
    statuses = {name: int(response["statusCode"]) for name, response in RESPONSES.items()}
    assert statuses == {
        "UNAUTHORIZED": 401,
        "ACCESS_DENIED": 403,
        "MISSING_AUTHENTICATION_TOKEN": 404,
        "RESOURCE_NOT_FOUND": 404,
        "INVALID_SIGNATURE": 404,
        "EXPIRED_TOKEN": 404,
        "REQUEST_TOO_LARGE": 413,
        "UNSUPPORTED_MEDIA_TYPE": 415,
        "THROTTLED": 429,
        "QUOTA_EXCEEDED": 429,
        "WAF_FILTERED": 429,
        "AUTHORIZER_FAILURE": 503,
        "AUTHORIZER_CONFIGURATION_ERROR": 500,
        "API_CONFIGURATION_ERROR": 500,
        "INTEGRATION_FAILURE": 503,
        "INTEGRATION_TIMEOUT": 504,
        "DEFAULT_4XX": 400,
        "DEFAULT_5XX": 500,
    }


# ---- The emulated AWS ----


@pytest.fixture(scope="module")
def dynamodb() -> "DynamoDBClient":
    environment = moto_server.start()
    session = boto3.Session(environment["AWS_ACCESS_KEY_ID"], environment["AWS_SECRET_ACCESS_KEY"])
    client: DynamoDBClient = session.client(
        "dynamodb", region_name=environment["AWS_REGION"], endpoint_url=environment["AWS_ENDPOINT_URL"]
    )
    return client


@pytest.mark.parametrize("name", TABLES)
def test_an_emulated_table_has_the_templates_keys_and_expiry(dynamodb: "DynamoDBClient", name: str) -> None:
    physical = moto_server.start()[variable(name)]
    table = dynamodb.describe_table(TableName=physical)["Table"]
    expiry = dynamodb.describe_time_to_live(TableName=physical)["TimeToLiveDescription"]
    assert table["KeySchema"] == TABLES[name]["Properties"]["KeySchema"]
    assert expiry.get("AttributeName") == template.time_to_live().get(name)


def test_the_emulator_starts_once(dynamodb: "DynamoDBClient") -> None:
    before = dynamodb.list_tables()["TableNames"]
    assert moto_server.start() is moto_server.start()
    assert dynamodb.list_tables()["TableNames"] == before


def test_the_emulated_aws_is_on_the_loopback_address_alone() -> None:
    assert moto_server.start()["AWS_ENDPOINT_URL"].startswith("http://127.0.0.1:")
