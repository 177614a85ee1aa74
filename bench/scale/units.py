"""What DynamoDB charges for a call, in request units, by the sizes of the items that it touched.

Sources: "DynamoDB read and write operations" and "DynamoDB item sizes and formats" in its developer guide.
"""

import base64
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any

READ_UNIT, WRITE_UNIT = 4096, 1024  # bytes; one unit is a consistent read or a write of as much
_TRANSACTION = 2  # times as much as without

Attributes = Mapping[str, Mapping[str, Any]]
# Gives the item of a table at a key, as it stands there.
Look = Callable[[str, Attributes], Attributes]


@dataclass(frozen=True, slots=True)
class Units:
    """Read and write request units."""

    read: float = 0
    write: float = 0

    def __add__(self, other: "Units") -> "Units":
        return Units(self.read + other.read, self.write + other.write)


def item_size(item: Attributes) -> int:
    """Bytes of an item in DynamoDB's own form: names and values."""
    return sum(len(name.encode()) + _value_size(value) for name, value in item.items())


def _value_size(value: Mapping[str, Any]) -> int:
    kind, held = next(iter(value.items()))
    match kind:
        case "S" | "SS":
            return sum(len(text.encode()) for text in ([held] if kind == "S" else held))
        case "N":
            return (
                ceil(len(held.lstrip("-").strip("0")) / 2) + 1 + int(held.startswith("-"))
            )  # whole numbers alone
        case "B":
            return len(held if isinstance(held, bytes) else base64.b64decode(held))
        case "L":
            return 3 + len(held) + sum(_value_size(element) for element in held)
        case "M":
            return 3 + len(held) + item_size(held)
        case "BOOL" | "NULL":
            return 1
    raise ValueError(f"no item of ours holds {kind}")


def reading(size: int) -> Units:
    """A consistent read of so many bytes; one that finds nothing costs a unit too."""
    return Units(read=max(1, ceil(size / READ_UNIT)))


def writing(size: int) -> Units:
    """A write of an item of so many bytes; one that is refused costs as much."""
    return Units(write=max(1, ceil(size / WRITE_UNIT)))


def of_call(operation: str, sent: Mapping[str, Any], answer: Mapping[str, Any], look: Look) -> Units:
    """What the call `operation` cost, by what was `sent` and its `answer`. Raises `ValueError` for one unknown."""
    match operation:
        case "GetItem":
            return reading(item_size(answer.get("Item", {})))
        case "Query":
            return reading(sum(item_size(item) for item in answer["Items"]))
        case "BatchGetItem":
            return _batch(sent["RequestItems"], answer["Responses"])
        case "PutItem":
            return writing(item_size(sent["Item"]))
        case "UpdateItem":
            return writing(item_size(answer.get("Attributes") or answer.get("Item", {})))
        case "TransactWriteItems":
            return _total(_in_transaction(write, look) for write in sent["TransactItems"])
    raise ValueError(f"no operation of ours: {operation}")


def _batch(sent: Mapping[str, Any], found: Mapping[str, Any]) -> Units:
    missing = sum(len(part["Keys"]) for part in sent.values()) - sum(len(items) for items in found.values())
    items = [item for of_table in found.values() for item in of_table]
    return _total([reading(0)] * missing + [reading(item_size(item)) for item in items])


def _in_transaction(write: Mapping[str, Any], look: Look) -> Units:
    put, update = write.get("Put"), write.get("Update")
    item = put["Item"] if put else look(update["TableName"], update["Key"]) if update else {}
    return Units(write=_TRANSACTION * writing(item_size(item)).write)


def _total(parts: Iterable[Units]) -> Units:
    return sum(parts, Units())
