"""Writes of several items: all or none, and which of them was refused."""

import pytest

from chalicelib.services import Services
from chalicelib.stores.dynamodb import Item, Table
from chalicelib.stores.transactions import Delete, Put, TransactionRefusedError, Update, transact
from tests.conftest import connect

FREE = "attribute_not_exists(pk)"
A, B, C = ({"pk": f"sub:{name}"} for name in "abc")


@pytest.fixture
def table(services: Services) -> Table:
    return services.users.table


def n(table: Table, *keys: Item) -> list[int | None]:
    """The number in each item, `None` where there is none."""
    items = [table.get(key) for key in keys]
    return [item["n"] if item else None for item in items]


def test_all_are_made(table: Table) -> None:
    transact(Put(table, A | {"n": 1}, FREE), Put(table, B | {"n": 1}))
    transact(
        Update(table, A, "SET n = :n", {":n": 2}),
        Delete(table, B, "n = :n", {":n": 1}),
        Put(table, C | {"n": 3}, FREE),
    )
    assert n(table, A, B, C) == [2, None, 3]


def test_none_is_made_where_one_is_refused_and_it_says_which(table: Table) -> None:
    table.put(A | {"n": 1})
    with pytest.raises(TransactionRefusedError) as refused:
        transact(Put(table, B | {"n": 2}, FREE), Put(table, A | {"n": 2}, FREE))
    assert refused.value.failed == {1}
    assert n(table, A, B) == [1, None]


def test_what_is_written_shows_in_no_repr() -> None:
    table = Table(connect("dynamodb"), "a table")
    hidden = {":hash": "hidden"}
    writes = [
        Put(table, {"pk": "hidden"}),
        Update(table, {"pk": "shown"}, "SET a = :hash", hidden),
        Delete(table, {"pk": "shown"}, "a = :hash", hidden),
    ]
    assert "shown" in repr(writes)
    assert "hidden" not in repr(writes)
