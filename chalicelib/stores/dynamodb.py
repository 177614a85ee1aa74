"""One DynamoDB table, spoken to in plain Python values."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.types import Binary, TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError

from chalicelib.errors import StoreUnavailableError
from chalicelib.stores.aws import available
from chalicelib.stores.conflicts import settled

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Item = dict[str, Any]

_SERIALIZER, _DESERIALIZER = TypeSerializer(), TypeDeserializer()


class ConditionFailedError(Exception):
    """A condition of a write did not hold; `item` is what stands there (`None`: nothing)."""

    def __init__(self, item: Item | None) -> None:
        super().__init__("a condition did not hold")
        self.item = item


class Table:
    """One table. Every method raises `StoreUnavailableError`; reads are consistent."""

    def __init__(self, client: "DynamoDBClient", name: str) -> None:
        self.client = client
        self.name = name

    def get(self, key: Item) -> Item | None:
        """The item at `key`."""
        with available():
            answer = self.client.get_item(TableName=self.name, Key=marshal(key), ConsistentRead=True)
        return unmarshal(answer["Item"]) if "Item" in answer else None

    def put(self, item: Item, condition: str | None = None, values: Item | None = None) -> None:
        """Writes `item`. Raises `ConditionFailedError`."""
        options: dict[str, Any] = {"ConditionExpression": condition} if condition else {}
        if values:
            options["ExpressionAttributeValues"] = marshal(values)
        with _conditional():
            settled(lambda: self.client.put_item(TableName=self.name, Item=marshal(item), **options))

    def update(self, key: Item, expression: str, values: Item, condition: str) -> Item:
        """Applies `expression` where `condition` holds and gives the whole new item.

        Raises `ConditionFailedError` with what stood there instead.
        """
        with _conditional():
            answer = settled(
                lambda: self.client.update_item(
                    TableName=self.name,
                    Key=marshal(key),
                    UpdateExpression=expression,
                    ConditionExpression=condition,
                    ExpressionAttributeValues=marshal(values),
                    ReturnValues="ALL_NEW",
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
            )
        return unmarshal(answer["Attributes"])

    def delete(self, key: Item) -> None:
        """Removes the item at `key`, if there is one."""
        with available():
            self.client.delete_item(TableName=self.name, Key=marshal(key))

    def pages(self, keys: "Range", limit: int) -> Iterator[list[Item]]:
        """The items in `keys` in plain values, `limit` at a time, read as they are asked for."""
        start: Any = None
        while True:
            options: dict[str, Any] = {"ExclusiveStartKey": start} if start else {}
            with available():
                answer = self.client.query(
                    TableName=self.name, ConsistentRead=True, Limit=limit, **keys.condition(), **options
                )
            yield [unmarshal(item) for item in answer["Items"]]
            start = answer.get("LastEvaluatedKey")
            if not start:
                return

    def scan(self) -> Iterator[Item]:
        """Every item of the table, read page by page as they are asked for. For an operator's commands alone."""
        start: Any = None
        while True:
            options: dict[str, Any] = {"ExclusiveStartKey": start} if start else {}
            with available():
                answer = self.client.scan(TableName=self.name, ConsistentRead=True, **options)
            yield from (unmarshal(item) for item in answer["Items"])
            start = answer.get("LastEvaluatedKey")
            if not start:
                return

    def query(self, keys: "Range", limit: int | None = None) -> list[Item]:
        """The items in `keys`, in the order of their range keys; all of them where no limit is set."""
        items: list[Item] = []
        start: Any = None
        while True:
            options: dict[str, Any] = {"ExclusiveStartKey": start} if start else {}
            if limit is not None:
                options["Limit"] = limit - len(items)
            with available():
                answer = self.client.query(TableName=self.name, ConsistentRead=True, **keys.condition(), **options)
            items += [unmarshal(item) for item in answer["Items"]]
            start = answer.get("LastEvaluatedKey")
            if not start or (limit is not None and len(items) >= limit):
                return items

    def stored_pages(self, keys: "Range") -> Iterator[list[Mapping[str, Any]]]:
        """The items in `keys` in DynamoDB's own form, a page at a time."""
        start: Any = None
        while True:
            options: dict[str, Any] = {"ExclusiveStartKey": start} if start else {}
            with available():
                answer = self.client.query(TableName=self.name, ConsistentRead=True, **keys.condition(), **options)
            yield list(answer["Items"])
            start = answer.get("LastEvaluatedKey")
            if not start:
                return


@dataclass(frozen=True, slots=True)
class Range:
    """The items of one partition whose range key is at or past `first`, or past `after`; or all of them.

    With `newest_first` they come in the opposite order, and `after` leaves out what is at or past it.
    """

    hash_key: str
    value: str
    range_key: str = ""
    first: str | None = None
    after: str | None = None
    newest_first: bool = False

    def condition(self) -> dict[str, Any]:
        """The key condition of a Query."""
        expression, names, values = "#hash = :hash", {"#hash": self.hash_key}, {":hash": self.value}
        bound = self.first if self.after is None else self.after
        if bound is not None:
            beyond = "<" if self.newest_first else ">"
            expression += f" AND #range {'>=' if self.after is None else beyond} :bound"
            names["#range"] = self.range_key
            values[":bound"] = bound
        return {
            "KeyConditionExpression": expression,
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": marshal(values),
            "ScanIndexForward": not self.newest_first,
        }


def batch_get(*wanted: tuple[Table, Item]) -> list[Item | None]:
    """The items at these keys, of any tables, in one consistent read. Raises `StoreUnavailableError`."""
    request: dict[str, Any] = {}
    for table, key in wanted:
        request.setdefault(table.name, {"Keys": [], "ConsistentRead": True})["Keys"].append(marshal(key))
    with available():
        answer = wanted[0][0].client.batch_get_item(RequestItems=request)
    if answer.get("UnprocessedKeys"):
        raise StoreUnavailableError(detail="BatchGetItem: unprocessed keys")
    found = {name: [unmarshal(item) for item in items] for name, items in answer["Responses"].items()}
    return [_at(found.get(table.name, []), key) for table, key in wanted]


def _at(items: list[Item], key: Item) -> Item | None:
    return next((item for item in items if key.items() <= item.items()), None)


@contextmanager
def _conditional() -> Iterator[None]:
    """Turns a condition that did not hold into `ConditionFailedError`."""
    try:
        with available():
            yield
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise
        raise ConditionFailedError(_old_item(error)) from None


def _old_item(error: ClientError) -> Item | None:
    item: Any = error.response.get("Item")
    return unmarshal(item) if item else None


def marshal(values: Item) -> dict[str, Any]:
    """Plain values in DynamoDB's form; what is `None` is left out."""
    return {name: _SERIALIZER.serialize(value) for name, value in values.items() if value is not None}


def unmarshal(item: Mapping[str, Any]) -> Item:
    """DynamoDB's form in plain values: whole numbers as `int`, binaries as `bytes`."""
    return {name: _plain(_DESERIALIZER.deserialize(value)) for name, value in item.items()}


def _plain(value: Any) -> Any:
    match value:
        case Decimal():
            return int(value)
        case Binary():
            return bytes(value)  # type: ignore[call-overload]
        case list():
            return [_plain(element) for element in value]
        case dict():
            return {name: _plain(element) for name, element in value.items()}
        case _:
            return value
