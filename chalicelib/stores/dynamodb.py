"""One DynamoDB table, spoken to in plain Python values."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.types import Binary, TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError

from chalicelib.stores.aws import available

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

    def put(self, item: Item, condition: str | None = None) -> None:
        """Writes `item`. Raises `ConditionFailedError`."""
        options: dict[str, Any] = {"ConditionExpression": condition} if condition else {}
        with _conditional():
            self.client.put_item(TableName=self.name, Item=marshal(item), **options)

    def update(
        self, key: Item, expression: str, values: Item, condition: str, names: Mapping[str, str] | None = None
    ) -> Item:
        """Applies `expression` where `condition` holds and gives the whole new item.

        Raises `ConditionFailedError` with what stood there instead.
        """
        options: dict[str, Any] = {"ExpressionAttributeNames": names} if names else {}
        with _conditional():
            answer = self.client.update_item(
                TableName=self.name,
                Key=marshal(key),
                UpdateExpression=expression,
                ConditionExpression=condition,
                ExpressionAttributeValues=marshal(values),
                ReturnValues="ALL_NEW",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
                **options,
            )
        return unmarshal(answer["Attributes"])

    def delete(self, key: Item) -> None:
        """Removes the item at `key`, if there is one."""
        with available():
            self.client.delete_item(TableName=self.name, Key=marshal(key))

    def query(self, hash_key: str, value: str, after: Item | None = None, limit: int | None = None) -> list[Item]:
        """The items of one partition in the order of their range keys, past `after`; all where no limit is set."""
        items: list[Item] = []
        start = marshal(after) if after else None
        while True:
            options: dict[str, Any] = {"ExclusiveStartKey": start} if start else {}
            if limit is not None:
                options["Limit"] = limit - len(items)
            with available():
                answer = self.client.query(
                    TableName=self.name,
                    KeyConditionExpression="#hash = :value",
                    ExpressionAttributeNames={"#hash": hash_key},
                    ExpressionAttributeValues=marshal({":value": value}),
                    ConsistentRead=True,
                    **options,
                )
            items += [unmarshal(item) for item in answer["Items"]]
            start = answer.get("LastEvaluatedKey")
            if not start or (limit is not None and len(items) >= limit):
                return items


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
