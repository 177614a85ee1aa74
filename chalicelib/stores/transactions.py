"""Writes of several items that are made all or none (TransactWriteItems)."""

from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from chalicelib.errors import StoreUnavailableError
from chalicelib.stores.aws import available
from chalicelib.stores.conflicts import settled
from chalicelib.stores.dynamodb import Item, Table, marshal


@dataclass(frozen=True, slots=True)
class Put:
    """A write of a whole item, as part of a transaction."""

    table: Table
    item: Item = field(repr=False)
    condition: str | None = None

    def request(self) -> dict[str, Any]:
        """This write as TransactWriteItems takes it."""
        request = {"TableName": self.table.name, "Item": marshal(self.item)}
        return {"Put": request | ({"ConditionExpression": self.condition} if self.condition else {})}


@dataclass(frozen=True, slots=True)
class Update:
    """A change of one item, under a condition where one is given, as part of a transaction."""

    table: Table
    key: Item
    expression: str
    values: Item = field(repr=False)
    condition: str | None = None

    def request(self) -> dict[str, Any]:
        """This write as TransactWriteItems takes it."""
        request = {
            "TableName": self.table.name,
            "Key": marshal(self.key),
            "UpdateExpression": self.expression,
            "ExpressionAttributeValues": marshal(self.values),
        }
        return {"Update": request | ({"ConditionExpression": self.condition} if self.condition else {})}


@dataclass(frozen=True, slots=True)
class Delete:
    """The removal of one item under a condition, as part of a transaction."""

    table: Table
    key: Item
    condition: str
    values: Item = field(repr=False)

    def request(self) -> dict[str, Any]:
        """This write as TransactWriteItems takes it."""
        return {
            "Delete": {
                "TableName": self.table.name,
                "Key": marshal(self.key),
                "ConditionExpression": self.condition,
                "ExpressionAttributeValues": marshal(self.values),
            }
        }


Write = Put | Update | Delete


class TransactionRefusedError(Exception):
    """Conditions of a transaction did not hold; `failed` are the numbers of those writes, from 0."""

    def __init__(self, failed: frozenset[int]) -> None:
        super().__init__("a transaction was refused")
        self.failed = failed


def transact(*writes: Write) -> None:
    """Makes all of `writes`, or none. Raises `TransactionRefusedError`, `StoreUnavailableError`."""
    client, requests = writes[0].table.client, [write.request() for write in writes]
    try:
        with available():
            settled(lambda: client.transact_write_items(TransactItems=requests))  # type: ignore[arg-type]
    except ClientError as error:
        raise _refusal(error) from None


def _refusal(error: ClientError) -> Exception:
    if error.response["Error"]["Code"] != "TransactionCanceledException":
        return error
    codes = [reason.get("Code") for reason in error.response.get("CancellationReasons", [])]
    failed = frozenset(number for number, code in enumerate(codes) if code == "ConditionalCheckFailed")
    # Without one, other transactions held an item all the while, or throughput ran out: worth another try, later.
    return TransactionRefusedError(failed) if failed else StoreUnavailableError(detail=f"transaction: {codes}")
