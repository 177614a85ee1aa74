"""Each function may do what it does, on the very tables on which it does it, and nothing else.

What the functions do is taken from the calls that their traffic makes; what they may do from infra/resources.yaml.
"""

import os
from collections.abc import Iterable

import pytest

from chalicelib.accounts.password import Passwords, Profile
from chalicelib.gate import revocation_feed
from chalicelib.services import Services
from infra import template
from infra.emulated.aws_calls import Call
from tests.conftest import connect, new_user
from tests.support.aws_calls import recorded
from tests.support.callers import serve, sign_in
from tests.support.client import Client, Clock, bearer

Permission = tuple[str, str]
"""An action, and the logical id of the resource that it is for."""

# IAM asks for the permission of each write in a transaction (DynamoDB Developer Guide, "Transactions and IAM").
_WRITES = {"Put": "dynamodb:PutItem", "Update": "dynamodb:UpdateItem"}


def granted(policy: str) -> set[Permission]:
    """The permissions in the policy `policy` of the template."""
    statements = template.resources()[policy]["Properties"]["PolicyDocument"]["Statement"]
    assert all(statement["Effect"] == "Allow" for statement in statements)
    return {
        (action, statement["Resource"]["Fn::GetAtt"][0])
        for statement in statements
        for action in statement["Action"]
    }


def used(calls: Iterable[Call]) -> set[Permission]:
    """The permissions that `calls` take."""
    variables = template.resources()["APIHandler"]["Properties"]["Environment"]["Variables"]
    logical_ids = {os.environ[name]: value["Ref"] for name, value in variables.items()}
    return {(action, logical_ids[resource]) for call in calls for action, resource in _asked(call)}


def _asked(call: Call) -> Iterable[Permission]:
    parameters = call.parameters
    match call.operation:
        case "TransactWriteItems":
            for write in parameters["TransactItems"]:
                ((kind, body),) = write.items()
                yield _WRITES[kind], body["TableName"]
        case "BatchGetItem":
            for name in parameters["RequestItems"]:
                yield "dynamodb:BatchGetItem", name
        case "Encrypt" | "Decrypt":
            yield f"kms:{call.operation}", parameters.get("KeyId", os.environ["GATEHOUSE_KMS_KEY"])
        case operation:
            yield f"dynamodb:{operation}", parameters["TableName"]


def sessions(client: Client, services: Services) -> None:
    """Every way to begin, continue and end a session."""
    raised = Passwords(Profile(iterations=2, lanes=1, memory_cost=8), services.random_bytes)
    user = new_user(services, password_hash=raised.hash("demo-password"))
    client.sign_in(user.username, "wrong password")
    first, second, third = (sign_in(client, user) for _ in range(3))
    assert third.refresh().status == 200
    assert third.refresh().status == 200
    assert first.get("/me/sessions").status == 200
    assert first.delete(f"/me/sessions/{second.session_id}").status == 204
    fields = {"current_password": "demo-password", "new_password": "a quiet sentence"}
    assert first.put("/me/password", **fields).status == 204
    assert first.post("/logout?sessions=others").status == 204
    assert first.post("/logout").status == 204


def accounts(client: Client) -> None:
    """Signing up."""
    account = {"username": "zoe", "email": "zoe@example.com", "password": "a quiet sentence"}
    assert client.json("/users", account).status == 201


def comments(client: Client, services: Services) -> None:
    """The sample resource."""
    admin = sign_in(client, new_user(services, "comments:read comments:write comments:moderate"))
    made = client.json("/comments", {"message": "hello"}, bearer(admin.access_token)).json["comment_id"]
    assert admin.get("/comments").status == 200
    assert admin.get(f"/comments/{made}").status == 200
    assert admin.post(f"/comments/{made}/flags").status == 201
    assert admin.get(f"/comments/{made}/history").status == 200
    assert admin.delete(f"/comments/{made}").status == 204


def test_the_api_has_the_permissions_that_it_uses(client: Client, services: Services) -> None:
    with recorded() as calls:
        serve(services)  # a cold container: it reads and unseals the keys
        assert client.send("GET", "/.well-known/jwks.json").status == 200
        accounts(client)
        sessions(client, services)
        comments(client, services)
    assert used(calls) == granted("APIHandlerPolicy")


def test_the_rotation_has_the_permissions_that_it_uses(
    services: Services, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chalicelib.stores.keys._RING", "a ring of this test's own")
    with recorded() as calls:
        for _ in range(6):
            services.rotation.run(services.now())
            clock.advance(services.settings.key_rotation_period)
    assert used(calls) == granted("RotateKeysPolicy")


def test_a_gate_that_reads_the_feed_has_the_permission_that_it_uses(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(revocation_feed, "connect", connect)
    with recorded() as calls:
        revocation_feed.revocations(services.settings)(services.now())
    assert used(calls) == granted("GatePolicy")


def test_any_other_gate_may_do_nothing() -> None:
    roles = {
        role["Ref"]
        for item in template.resources().values()
        if item.get("Type") == "AWS::IAM::Policy" and "Condition" not in item
        for role in item["Properties"]["Roles"]
    }
    assert roles == {"ApiHandlerRole", "RotateKeysRole"}


def test_whoever_unseals_cannot_seal_and_whoever_seals_cannot_unseal() -> None:
    assert {action for action, _ in granted("APIHandlerPolicy") if action.startswith("kms:")} == {"kms:Decrypt"}
    assert {action for action, _ in granted("RotateKeysPolicy") if action.startswith("kms:")} == {"kms:Encrypt"}


def test_every_grant_on_the_sealing_key_holds_for_this_stage_alone() -> None:
    for policy in ("APIHandlerPolicy", "RotateKeysPolicy"):
        for statement in template.resources()[policy]["Properties"]["PolicyDocument"]["Statement"]:
            if statement["Resource"]["Fn::GetAtt"][0] == "SealingKey":
                stage = {"StringEquals": {"kms:EncryptionContext:stage": {"Ref": "AWS::StackName"}}}
                assert statement["Condition"] == stage
