"""DynamoDB and KMS in this process, as far as Gatehouse asks for them: the calls of boto3, without the way there.

The real stores run over it, conditions and all, a hundred times faster than over an emulator. Whatever is not
understood here raises: nothing is ever let through for want of understanding. One thread only.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from operator import eq, ge, gt, le, lt
from typing import Any

from botocore.exceptions import ClientError

from infra import template

Value = dict[str, Any]  # {"N": "5"}, {"S": "text"}, ...
Item = dict[str, Value]
Names = Mapping[str, str]
Condition = Callable[[Item, Mapping[str, Value]], bool]

_OPERATORS = {"=": eq, ">": gt, ">=": ge, "<": lt, "<=": le}
_COMPARISON = re.compile(r"(\w+) (=|>=?|<=?) (:\w+)")
_EXISTENCE = re.compile(r"attribute_(exists|not_exists)\((\w+)\)")
_ASSIGNMENT = re.compile(r"(\w+) = (:\w+)")


def table_keys() -> dict[str, tuple[str, ...]]:
    """The names of the key attributes of each table of the template, by its logical id."""
    return {
        name: tuple(element["AttributeName"] for element in item["Properties"]["KeySchema"])
        for name, item in template.emulated()["Resources"].items()
        if item["Type"] == "AWS::DynamoDB::Table"
    }


@cache
def condition(expression: str) -> Condition:
    """A condition expression of comparisons and existence tests, joined by AND and OR (AND binds tighter); at its
    end one alternative may stand in brackets."""
    if bracketed := re.fullmatch(r"(.+) AND \((.+ OR .+)\)", expression):
        first, second = condition(bracketed[1]), condition(bracketed[2])
        return lambda item, values: first(item, values) and second(item, values)
    either = [[_term(term) for term in terms.split(" AND ")] for terms in expression.split(" OR ")]
    return lambda item, values: any(all(term(item, values) for term in terms) for terms in either)


def _term(text: str) -> Condition:
    if existence := _EXISTENCE.fullmatch(text):
        wanted, path = existence[1] == "exists", existence[2]
        return lambda item, _: (path in item) is wanted
    if text == "size(s) < :most":
        return lambda item, values: len(item["s"]["SS"]) < int(values[":most"]["N"])
    if comparison := _COMPARISON.fullmatch(text):
        path, operator, name = comparison[1], _OPERATORS[comparison[2]], comparison[3]
        # What is absent, or of another type, compares with nothing.
        return lambda item, values: (
            path in item
            and item[path].keys() == values[name].keys()
            and operator(_plain(item[path]), _plain(values[name]))
        )
    raise AssertionError(f"no condition of the stores: {text}")


def _plain(value: Value) -> Any:
    ((kind, content),) = value.items()
    return Decimal(content) if kind == "N" else content


def updated(item: Item, expression: str, values: Mapping[str, Value]) -> Item:
    """`item` after an update expression: `SET a = :a, b = :b`, `ADD a :a`, or the one and then the other."""
    setting, _, adding = expression.partition("ADD ")
    for text in filter(None, setting.strip().removeprefix("SET ").split(", ")):
        assigned = _ASSIGNMENT.fullmatch(text)
        if not setting.startswith("SET ") or assigned is None:
            raise AssertionError(f"no update of the stores: {expression}")
        item = {**item, assigned[1]: values[assigned[2]]}
    if not adding:
        return item
    path, name = adding.split(" ")
    if "SS" in values[name]:
        return {**item, path: {"SS": sorted({*item.get(path, {"SS": []})["SS"], *values[name]["SS"]})}}
    return {**item, path: {"N": str(_plain(item.get(path, {"N": "0"})) + _plain(values[name]))}}


@dataclass
class Table:
    """Items by their key."""

    key_names: tuple[str, ...]
    items: dict[str, Item] = field(default_factory=dict)

    def at(self, key: Item) -> Item | None:
        return self.items.get(self._id(key))

    def put(self, item: Item) -> None:
        self.items[self._id(item)] = item

    def remove(self, item: Item) -> None:
        self.items.pop(self._id(item), None)

    def sorted(self) -> list[Item]:
        return sorted(self.items.values(), key=lambda item: [_plain(item[name]) for name in self.key_names])

    def key(self, item: Item) -> Item:
        return {name: item[name] for name in self.key_names}

    def _id(self, item: Item) -> str:
        return json.dumps([item[name] for name in self.key_names])


class DynamoDB:
    """The tables of the template, named by their logical ids. Conditions are those of one item at a time."""

    def __init__(self) -> None:
        self.tables = {name: Table(key_names) for name, key_names in table_keys().items()}

    def delete_expired(self, now: int) -> None:
        """What the time to live does, hours or days after the time has come."""
        for name, attribute in template.time_to_live().items():
            table = self.tables[name]
            for item in [item for item in table.items.values() if _plain(item[attribute]) <= now]:
                table.remove(item)

    def get_item(self, **request: Any) -> dict[str, Any]:
        item = self.tables[request["TableName"]].at(request["Key"])
        return {"Item": item} if item else {}

    def batch_get_item(self, **request: Any) -> dict[str, Any]:
        found = {
            name: [item for key in asked["Keys"] if (item := self.tables[name].at(key))]
            for name, asked in request["RequestItems"].items()
        }
        return {"Responses": found, "UnprocessedKeys": {}}

    def query(self, **request: Any) -> dict[str, Any]:
        expression = request["KeyConditionExpression"]
        for placeholder, name in request["ExpressionAttributeNames"].items():
            expression = expression.replace(placeholder, name)
        matches, values = condition(expression), request["ExpressionAttributeValues"]
        found = [item for item in self.tables[request["TableName"]].sorted() if matches(item, values)]
        if not request.get("ScanIndexForward", True):
            found.reverse()
        start, limit = request.get("ExclusiveStartKey"), request.get("Limit", len(found))
        if start:
            found = found[[self.tables[request["TableName"]].key(item) for item in found].index(start) + 1 :]
        page = found[:limit]
        last = {"LastEvaluatedKey": self.tables[request["TableName"]].key(page[-1])} if len(found) > limit else {}
        return {"Items": page, "Count": len(page), **last}

    def put_item(self, **request: Any) -> dict[str, Any]:
        self._write(request, lambda _: request["Item"])
        return {}

    def update_item(self, **request: Any) -> dict[str, Any]:
        return {"Attributes": self._write(request, _change(request))}

    def delete_item(self, **request: Any) -> dict[str, Any]:
        self.tables[request["TableName"]].remove(request["Key"])
        return {}

    def transact_write_items(self, **request: Any) -> dict[str, Any]:
        writes = [next(iter(write.items())) for write in request["TransactItems"]]
        holds = [_holds(write, self._old(write)) for _, write in writes]
        if not all(holds):
            reasons = [{"Code": "None" if held else "ConditionalCheckFailed"} for held in holds]
            raise _error("TransactionCanceledException", {"CancellationReasons": reasons})
        for kind, write in writes:
            {"Put": self.put_item, "Update": self.update_item, "Delete": self.delete_item}[kind](**write)
        return {}

    def _old(self, request: dict[str, Any]) -> Item | None:
        return self.tables[request["TableName"]].at(request.get("Key") or request["Item"])

    def _write(self, request: dict[str, Any], change: Callable[[Item], Item]) -> Item:
        old = self._old(request)
        if not _holds(request, old):
            shown = request.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD" and old
            raise _error("ConditionalCheckFailedException", {"Item": old} if shown else {})
        new = change(old or request.get("Key", {}))
        self.tables[request["TableName"]].put(new)
        return new


def _change(request: dict[str, Any]) -> Callable[[Item], Item]:
    return lambda item: updated(item, request["UpdateExpression"], request["ExpressionAttributeValues"])


def _holds(request: dict[str, Any], old: Item | None) -> bool:
    expression = request.get("ConditionExpression")
    return expression is None or condition(expression)(old or {}, request.get("ExpressionAttributeValues", {}))


def _error(code: str, more: dict[str, Any]) -> ClientError:
    response: Any = {"Error": {"Code": code, "Message": ""}, **more}
    return ClientError(response, "Write")


class Kms:
    """Keeps what it is given to encrypt, with its encryption context."""

    def __init__(self) -> None:
        self._sealed: list[tuple[Mapping[str, str], bytes]] = []

    def encrypt(self, **request: Any) -> dict[str, bytes]:
        self._sealed.append((request["EncryptionContext"], request["Plaintext"]))
        return {"CiphertextBlob": str(len(self._sealed) - 1).encode()}

    def decrypt(self, **request: Any) -> dict[str, bytes]:
        context, plaintext = self._sealed[int(request["CiphertextBlob"])]
        assert context == request["EncryptionContext"]
        return {"Plaintext": plaintext}
