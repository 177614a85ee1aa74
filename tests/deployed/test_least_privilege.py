"""The packaged roles, held to by ministack's IAM: what each function needs works, and all else is refused."""

import json
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import pytest
from botocore.exceptions import ClientError

from chalicelib import base64url
from infra.emulated import deployed
from infra.emulated.deployed import Deployed
from infra.emulated.lambda_events import SCHEDULED
from tests.deployed.conftest import Site
from tests.support.client import Client, basic, bearer

pytestmark = [pytest.mark.ministack, pytest.mark.xdist_group("deployed")]

TABLES = ("Users", "Sessions", "Keys", "Comments", "Revocations", "Attempts")
REFUSED = {"AccessDeniedException", "AccessDenied"}

# What a role may do, tried: by action, the resources. All of it is in infra/resources.yaml too, in other words.
GRANTED: dict[str, dict[str, set[str]]] = {
    "GateRole": {},
    "RotateKeysRole": {
        "Query": {"Keys"},
        "PutItem": {"Keys"},
        "DeleteItem": {"Keys"},
        "Encrypt": {"SealingKey"},
    },
    "ApiHandlerRole": {
        "GetItem": {"Users", "Sessions", "Comments"},
        "BatchGetItem": {"Users", "Attempts"},
        "Query": {"Sessions", "Keys", "Comments", "Revocations"},
        "PutItem": {"Users", "Sessions", "Comments", "Attempts"},
        "UpdateItem": {"Users", "Sessions", "Comments", "Revocations", "Attempts"},
        "DeleteItem": {"Comments"},
        "Decrypt": {"SealingKey"},
    },
}

LOGS = {"GateRole": "GateLogs", "RotateKeysRole": "RotateKeysLogs", "ApiHandlerRole": "APIHandlerLogs"}


@pytest.fixture(scope="module")
def client(emulated: Site) -> Client:
    return emulated.client


def credentials(stack: Deployed, role: str) -> Mapping[str, str]:
    """What a function with `role` would be given."""
    arn = f"arn:aws:iam::000000000000:role/{stack.physical_ids[role]}"
    given: Mapping[str, str] = stack.client("sts").assume_role(RoleArn=arn, RoleSessionName="probe")["Credentials"]
    return given


def allowed(call: Any, **parameters: object) -> bool:
    """Whether IAM lets the call through, whatever becomes of it then."""
    try:
        call(**parameters)
    except ClientError as error:
        return error.response["Error"]["Code"] not in REFUSED
    return True


def table_probes(dynamodb: Any, name: str) -> dict[str, bool]:
    """Each action on the table, in a form that changes nothing."""
    schema = dynamodb["root"].describe_table(TableName=name)["Table"]["KeySchema"]
    key = {part["AttributeName"]: {"S": "probe"} for part in schema}
    never = {"TableName": name, "ConditionExpression": "attribute_exists(probe)"}
    client, partition = dynamodb["role"], schema[0]["AttributeName"]
    query = {
        "KeyConditionExpression": "#key = :key",
        "ExpressionAttributeNames": {"#key": partition},
        "ExpressionAttributeValues": {":key": {"S": "probe"}},
    }
    return {
        "GetItem": allowed(client.get_item, TableName=name, Key=key),
        "BatchGetItem": allowed(client.batch_get_item, RequestItems={name: {"Keys": [key]}}),
        "Query": allowed(client.query, TableName=name, **query),
        "Scan": allowed(client.scan, TableName=name),
        "PutItem": allowed(client.put_item, Item=key, **never),
        "UpdateItem": allowed(client.update_item, Key=key, UpdateExpression="REMOVE probe", **never),
        "DeleteItem": allowed(client.delete_item, Key=key, **never),
        "DescribeTable": allowed(client.describe_table, TableName=name),
        "DeleteTable": allowed(client.delete_table, TableName=name + "-probe"),
    }


def key_probes(kms: Any, key_id: str) -> dict[str, bool]:
    blob = kms["root"].encrypt(KeyId=key_id, Plaintext=b"probe")["CiphertextBlob"]
    client = kms["role"]
    return {
        "Encrypt": allowed(client.encrypt, KeyId=key_id, Plaintext=b"probe"),
        "Decrypt": allowed(client.decrypt, KeyId=key_id, CiphertextBlob=blob),
        "GenerateDataKey": allowed(client.generate_data_key, KeyId=key_id, KeySpec="AES_256"),
        "DescribeKey": allowed(client.describe_key, KeyId=key_id),
        "DisableKey": allowed(client.disable_key, KeyId=key_id),
    }


@pytest.mark.parametrize("role", GRANTED)
def test_a_role_may_do_this_and_nothing_else(stack: Deployed, role: str) -> None:
    given = credentials(stack, role)
    dynamodb, kms = (
        {"root": stack.client(service), "role": stack.client(service, given)} for service in ("dynamodb", "kms")
    )
    tried = {name: table_probes(dynamodb, stack.physical_ids[name]) for name in TABLES}
    tried["SealingKey"] = key_probes(kms, stack.physical_ids["SealingKey"])

    found: dict[str, set[str]] = {}
    for resource, actions in tried.items():
        for action in (action for action, done in actions.items() if done):
            found.setdefault(action, set()).add(resource)
    assert found == GRANTED[role]


@pytest.mark.parametrize("role", GRANTED)
def test_a_role_may_touch_no_other_service(stack: Deployed, role: str) -> None:
    given = credentials(stack, role)
    function = stack.physical_ids["Gate"]
    assert not allowed(stack.client("lambda", given).update_function_configuration, FunctionName=function)
    assert not allowed(stack.client("lambda", given).invoke, FunctionName=stack.physical_ids["RotateKeys"])
    assert not allowed(stack.client("iam", given).list_roles)
    assert not allowed(stack.client("s3", given).list_buckets)


@pytest.mark.parametrize("role", GRANTED)
def test_a_role_may_write_to_its_own_log_group_alone(stack: Deployed, role: str) -> None:
    """Not to those of other functions, nor to those of another stage, which may hold the audit trail of prod."""
    groups = {name: stack.physical_ids[name] for name in LOGS.values()}
    own = groups[LOGS[role]]
    strangers = {own.replace("dev", "prod"), f"{own}2", "gatehouse-prod-APIHandlerLogs-1A2B3C"}
    for group in strangers:
        with suppress(stack.client("logs").exceptions.ResourceAlreadyExistsException):
            stack.client("logs").create_log_group(logGroupName=group)
    logs = stack.client("logs", credentials(stack, role))
    stream = f"probe-{role}"
    tried = {*groups.values(), *strangers}
    assert {
        group for group in tried if allowed(logs.create_log_stream, logGroupName=group, logStreamName=stream)
    } == {own}
    line = {"logStreamName": stream, "logEvents": [{"timestamp": int(time.time() * 1000), "message": "probe"}]}
    assert {group for group in tried if allowed(logs.put_log_events, logGroupName=group, **line)} == {own}
    assert not allowed(logs.create_log_group, logGroupName="gatehouse-dev-other")
    assert not allowed(logs.describe_log_groups)


def test_the_roles_are_all_there_are(stack: Deployed) -> None:
    roles = {name for name, item in stack.template["Resources"].items() if item["Type"] == "AWS::IAM::Role"}
    assert roles == GRANTED.keys()


def test_what_ministack_is_told_otherwise_is_the_encryption_context_and_the_arn_of_a_log_group_alone(
    stack: Deployed,
) -> None:
    """Its IAM knows neither, so these are held elsewhere."""
    resources = stack.template["Resources"]
    told = deployed.known_to_ministack(resources)
    changed = {name for name in resources if told[name] != resources[name]}
    assert changed == {"APIHandlerPolicy", "RotateKeysPolicy", *GRANTED}
    for name in changed:
        for mine, theirs in zip(statements(resources[name]), statements(told[name]), strict=True):
            condition = {"StringEquals": {"kms:EncryptionContext:stage": {"Ref": "AWS::StackName"}}}
            log_group = {"Fn::GetAtt": [LOGS.get(name), "Arn"]}
            assert mine in (theirs, {**theirs, "Condition": condition}, {**theirs, "Resource": log_group})


def statements(resource: Mapping[str, Any]) -> list[dict[str, Any]]:
    properties = resource["Properties"]
    policy = properties["Policies"][0] if "Policies" in properties else properties
    found: list[dict[str, Any]] = policy["PolicyDocument"]["Statement"]
    return found


def test_the_schedule_calls_the_rotation(stack: Deployed) -> None:
    events = stack.client("events")
    rule = stack.physical_ids["RotateKeysRotateKeysEvent"]
    assert events.describe_rule(Name=rule)["ScheduleExpression"] == "rate(1 hour)"
    (target,) = events.list_targets_by_rule(Rule=rule)["Targets"]
    assert target["Arn"].endswith(f":function:{stack.physical_ids['RotateKeys']}")


def test_the_rotation_runs_again_and_finds_nothing_to_do(stack: Deployed, emulated: Site) -> None:
    assert stack.invoke("RotateKeys", SCHEDULED) == []


def test_the_keys_are_those_that_the_scheduled_function_made(client: Client, first_keys: list[str]) -> None:
    kids = {key["kid"] for key in client.send("GET", "/.well-known/jwks.json").json["keys"]}
    assert len(kids) == 2
    assert kids <= set(first_keys)


def test_the_house_works_with_what_its_roles_allow(client: Client) -> None:
    admin = client.access_token("admin", password="admin-password")
    account = {"username": "robin", "email": "robin@example.com", "password": "a long enough one"}
    made = client.json("/users", account, bearer(admin))
    assert (made.status, made.json["username"]) == (201, "robin"), made
    assert client.json("/users", account, bearer(admin)).problem()[0] == 409

    signed_in = client.sign_in("robin", "a long enough one").json
    robin = bearer(signed_in["access_token"])
    assert client.send("GET", "/me", robin).json["username"] == "robin"
    refreshed = client.refresh(signed_in["refresh_token"])
    assert refreshed.status == 200
    assert client.refresh(refreshed.json["refresh_token"]).status == 200

    comment = client.json("/comments", {"message": "hello"}, robin).json["comment_id"]
    assert client.send("POST", f"/comments/{comment}/flags", bearer(admin)).status == 201
    assert client.send("GET", f"/comments/{comment}/history", bearer(admin)).status == 200
    assert client.send("GET", "/comments", robin).status == 200
    assert client.send("DELETE", f"/comments/{comment}", robin).status == 204

    other = client.sign_in("robin", "a long enough one").json
    sessions = client.send("GET", "/me/sessions", robin).json["sessions"]
    assert [session["current"] for session in sessions].count(True) == 1
    passwords = {"current_password": "a long enough one", "new_password": "another long one"}
    assert client.json("/me/password", passwords, robin, method="PUT").status == 204
    assert client.send("GET", "/me", bearer(other["access_token"])).status == 401
    assert client.sign_in("robin", "a long enough one").status == 401
    assert client.sign_in("robin", "another long one").status == 200

    third = client.sign_in("robin", "another long one").json
    listed = client.get("/me/sessions", third["access_token"]).json["sessions"]
    (session_id,) = (session["session_id"] for session in listed if session["current"])
    assert client.send("DELETE", f"/me/sessions/{session_id}", robin).status == 204
    assert client.refresh(third["refresh_token"]).status == 401
    assert client.send("POST", "/logout?sessions=all", robin).status == 204
    assert client.send("GET", "/me", robin).status == 401
    assert client.send("GET", "/me", basic("robin", "another long one")).status == 401


def test_the_issuer_is_the_address_that_api_gateway_gave(emulated: Site, stack: Deployed) -> None:
    """No setting says it: the functions take it from what API Gateway tells them."""
    token = emulated.client.access_token("demo")
    claims = json.loads(base64url.decode(token.split(".")[1]))
    outputs = stack.client("cloudformation").describe_stacks(StackName=deployed.STACK)["Stacks"][0]["Outputs"]
    (address,) = (output["OutputValue"] for output in outputs if output["OutputKey"] == "EndpointURL")
    assert claims["iss"] == claims["aud"] == address.rstrip("/")
