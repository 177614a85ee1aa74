"""One table: each way to read it goes over all pages, a megabyte each at most, and sees what has been written."""

from collections.abc import Callable, Iterable

import pytest

from chalicelib.services import Services
from chalicelib.stores.dynamodb import Item, Range, Table, batch_get, unmarshal
from infra.emulated.aws_calls import operations
from tests.conftest import connect
from tests.support.aws_calls import recorded

LARGE = b"x" * 300_000
ALL = Range("sub", "s")
NUMBERS = list(range(5))


@pytest.fixture
def table(services: Services) -> Table:
    """Five items of one partition, on two pages."""
    made = Table(connect("dynamodb"), services.settings.sessions_table)
    for number in NUMBERS:
        made.put({"sub": "s", "session_id": f"{number}", "number": number, "large": LARGE})
    return made


def numbers(items: Iterable[Item]) -> list[int]:
    return [item["number"] for item in items]


WAYS: dict[str, tuple[Callable[[Table], list[int]], int]] = {
    "scan": (lambda table: sorted(numbers(table.scan())), 2),
    "query": (lambda table: numbers(table.query(ALL)), 2),
    "query with a limit beyond": (lambda table: numbers(table.query(ALL, 9)), 2),
    "pages": (lambda table: numbers(item for page in table.pages(ALL, 9) for item in page), 2),
    "small pages": (lambda table: numbers(item for page in table.pages(ALL, 2) for item in page), 3),
    "stored pages": (lambda table: numbers(unmarshal(i) for page in table.stored_pages(ALL) for i in page), 2),
}


@pytest.mark.parametrize(("read", "calls"), WAYS.values(), ids=WAYS)
def test_all_is_read_page_by_page_consistently(
    table: Table, read: Callable[[Table], list[int]], calls: int
) -> None:
    with recorded() as made:
        assert read(table) == NUMBERS
    assert len(made) == calls
    assert all(call.parameters["ConsistentRead"] for call in made)


@pytest.mark.parametrize(("limit", "calls"), [(1, 1), (3, 1), (4, 2), (5, 2)])
def test_a_limit_is_kept_over_pages(table: Table, limit: int, calls: int) -> None:
    with recorded() as made:
        assert numbers(table.query(ALL, limit)) == NUMBERS[:limit]
    assert operations(made) == ["Query"] * calls


def test_single_items_are_read_consistently(table: Table) -> None:
    keys: list[Item] = [{"sub": "s", "session_id": each} for each in ("3", "none", "1")]
    with recorded() as made:
        found = [table.get(keys[0]), table.get(keys[1])]
        batch = batch_get(*((table, key) for key in keys))
    assert [item and item["number"] for item in (*found, *batch)] == [3, None, 3, None, 1]
    assert [call.parameters["ConsistentRead"] for call in made[:2]] == [True, True]
    assert made[2].parameters["RequestItems"][table.name]["ConsistentRead"] is True


@pytest.mark.parametrize(
    ("keys", "expression"),
    [
        (ALL, "#hash = :hash"),
        (Range("sub", "s", "id", first="a"), "#hash = :hash AND #range >= :bound"),
        (Range("sub", "s", "id", first="a", after="b"), "#hash = :hash AND #range > :bound"),
        (Range("sub", "s", "id", after="b", newest_first=True), "#hash = :hash AND #range < :bound"),
        (Range("sub", "s", "id", first="a", newest_first=True), "#hash = :hash AND #range >= :bound"),
    ],
)
def test_the_key_condition_is_written_as_dynamodb_reads_it(keys: Range, expression: str) -> None:
    """The emulator takes what AWS would not."""
    bounded = "#range" in expression
    assert keys.condition() == {
        "KeyConditionExpression": expression,
        "ExpressionAttributeNames": {"#hash": "sub"} | ({"#range": "id"} if bounded else {}),
        "ExpressionAttributeValues": {":hash": {"S": "s"}}
        | ({":bound": {"S": keys.after or "a"}} if bounded else {}),
        "ScanIndexForward": not keys.newest_first,
    }
