"""Every fault at every call of every operation: 503 or done, in time, nothing half written and nothing lost."""

import re
from collections.abc import Iterator

import pytest

from chalicelib.access_table import ACCESS_TABLE
from infra.emulated import ministack
from tests.faults.everything import try_everything
from tests.faults.operations import OPERATIONS
from tests.faults.table import PAGE, lines, write
from tests.faults.trial import Reference, Result

pytestmark = [pytest.mark.ministack, pytest.mark.xdist_group("faults")]

Tried = tuple[dict[str, Reference], list[Result]]


@pytest.fixture(scope="module")
def tried() -> Iterator[Tried]:
    with ministack.running() as environment:
        yield try_everything(environment)


@pytest.mark.parametrize("operation", [operation.name for operation in OPERATIONS])
def test_no_promise_is_broken(tried: Tried, operation: str) -> None:
    references, results = tried
    of_it = [result for result in results if result.trial.operation.name == operation]
    assert {result.trial.plan.number for result in of_it} == set(range(len(references[operation].calls) + 1))
    assert [(result.trial.name, result.broken) for result in of_it if result.broken] == []


def test_every_route_is_tried() -> None:
    served = {(entry.method, entry.path) for entry in ACCESS_TABLE}
    requested = {re.split("[,?]", operation.name)[0] for operation in OPERATIONS}
    assert {f"{method} {path}" for method, path in served} <= requested


def test_the_table_has_what_came_of_each_call(tried: Tried) -> None:
    references, _ = tried
    made = lines(*tried)
    write(made)
    rows = PAGE.read_text().splitlines()
    assert [row for row in made if row not in rows] == []
    for name, reference in references.items():
        assert any(row.startswith(f"| {name}: {reference.status} |") for row in rows), name
