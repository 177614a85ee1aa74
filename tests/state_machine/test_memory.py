"""The tables in memory do what the emulator's do: the same answers to the same calls, the same items left."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from chalicelib.services import Services
from chalicelib.stores.dynamodb import marshal
from tests.conftest import connect
from tests.state_machine.memory import DynamoDB

KEY = {"sub": "ada", "session_id": "s1"}
ITEMS: list[dict[str, Any]] = [{}, {**KEY, "generation": 1}, {**KEY, "generation": 10, "secret_hash": b"x"}]
CONDITIONS = [
    "attribute_exists(session_id)",
    "attribute_not_exists(session_id)",
    "generation = :two",
    "generation = :text",
    "secret_hash = :bytes",
    "generation > :two",
    "generation <= :two",
    "absent <= :two",
    "attribute_exists(session_id) AND generation > :two OR attribute_not_exists(secret_hash)",
    "attribute_not_exists(session_id) OR generation <= :two AND attribute_exists(session_id)",
    "attribute_exists(session_id) AND (generation > :two OR secret_hash = :bytes)",
]
VALUES = {":two": 2, ":text": "2", ":bytes": b"x"}


def asked(client: Any, table: str, item: dict[str, Any], condition: str) -> list[object]:
    """What `client` answers to one write of each kind, on `item`, and what it then holds."""
    named = {name: value for name, value in VALUES.items() if name in condition}
    place = {"TableName": table, "Key": marshal(KEY)}
    guard = {"TableName": table, "ConditionExpression": condition}
    values = {"ExpressionAttributeValues": marshal(named)} if named else {}
    adding = {
        **place,
        **guard,
        "UpdateExpression": "ADD generation :by",
        "ExpressionAttributeValues": marshal({**named, ":by": 5}),
    }
    setting = {
        **place,
        **guard,
        "UpdateExpression": "SET reason = :why, ended_at = :by",
        "ExpressionAttributeValues": marshal({**named, ":by": 5, ":why": "x"}),
    }
    putting = {**guard, **values, "Item": marshal({**KEY, "generation": 2})}
    old = {"ReturnValuesOnConditionCheckFailure": "ALL_OLD", "ReturnValues": "ALL_NEW"}
    writes = [
        lambda: client.update_item(**adding, **old),
        lambda: client.update_item(**setting, **old),
        lambda: client.put_item(**putting),
        lambda: client.transact_write_items(TransactItems=[{"Update": setting}, {"Put": other(table)}]),
        lambda: client.transact_write_items(TransactItems=[{"Put": putting}, {"Put": other(table)}]),
    ]
    answers: list[object] = []
    for write in writes:
        for held in (KEY, {**KEY, "session_id": "s2"}):
            client.delete_item(TableName=table, Key=marshal(held))
        if item:
            client.put_item(TableName=table, Item=marshal(item))
        answers += [answered(write), queried(client, table)]
    return answers


def other(table: str) -> dict[str, Any]:
    return {"TableName": table, "Item": marshal({**KEY, "session_id": "s2", "generation": 0})}


def answered(write: Any) -> object:
    try:
        return write().get("Attributes")
    except ClientError as error:
        reasons = [reason["Code"] for reason in error.response.get("CancellationReasons", [])]
        return error.response["Error"]["Code"], error.response.get("Item"), reasons


def queried(client: Any, table: str) -> object:
    answer = client.query(
        TableName=table,
        ConsistentRead=True,
        KeyConditionExpression="#hash = :hash AND #range >= :bound",
        ExpressionAttributeNames={"#hash": "sub", "#range": "session_id"},
        ExpressionAttributeValues=marshal({":hash": "ada", ":bound": "s1"}),
        Limit=2,
    )
    got = client.get_item(TableName=table, Key=marshal(KEY), ConsistentRead=True)
    return answer["Items"], got.get("Item")


@pytest.mark.parametrize("condition", CONDITIONS)
@pytest.mark.parametrize("item", ITEMS, ids=["no item", "an item", "another item"])
def test_memory_answers_as_the_emulator_does(services: Services, item: dict[str, Any], condition: str) -> None:
    emulated = asked(connect("dynamodb"), services.settings.sessions_table, item, condition)
    assert asked(DynamoDB(), "Sessions", item, condition) == emulated
