"""Tables that nobody here made: the REST APIs of AWS that botocore describes, and what docs/gate.md says of it."""

import time
from collections import defaultdict
from pathlib import Path

import pytest

from chalicelib.access_table import Access
from chalicelib.gate.explanation import BY_ROUTE, WHOLE, Explanation, explain
from chalicelib.gate.policy import AccessTable
from tests.support.aws_tables import MOST_ROUTES, tables
from tests.support.policy_evaluators import permits

PREFIX = "arn:aws:execute-api:eu-west-1:123456789012:a1b2c3d4e5/api"
PAGE = Path(__file__).parents[2] / "docs/gate.md"
MARK = "<!-- AWS's tables -->\n"
NAMES = {WHOLE: "one policy for the whole API", BY_ROUTE: "one policy for each route"}


@pytest.fixture(scope="module")
def small() -> dict[str, list[Access]]:
    return {service: rows for service, rows in tables() if len(rows) <= MOST_ROUTES}


def test_none_is_refused_and_the_page_has_the_figures(small: dict[str, list[Access]]) -> None:
    found: dict[str, list[tuple[int, Explanation]]] = defaultdict(list)
    for service, rows in small.items():
        start = time.perf_counter()
        table = AccessTable(rows)
        took = time.perf_counter() - start
        explanation = explain(table)
        found[explanation.mode].append((len(rows), explanation))
        print(
            f"{service}: {len(rows)} routes, {explanation.mode}, {explanation.bytes} bytes, {took * 1000:.1f} ms"
        )
        assert explanation.bytes <= 64_000
        assert explanation.longest_resource <= 512
    assert len(small) > 250
    lines = [line(name, found[mode]) for mode, name in NAMES.items()]
    print("\n".join(lines))
    _, _, page = PAGE.read_text().partition(MARK)
    assert page.splitlines()[2:4] == lines


def line(name: str, found: list[tuple[int, Explanation]]) -> str:
    routes = max(routes for routes, _ in found)
    reserving = sum(bool(explanation.reserved_words) for _, explanation in found)
    largest = max(explanation.bytes for _, explanation in found)
    return f"| {name} | {len(found)} | {routes} | in {reserving} | {largest:,} | at most 0.1 s |"


@pytest.mark.parametrize("service", ["guardduty", "pinpoint"])
def test_each_route_is_reached_by_its_scope_alone_and_by_all(small: dict[str, list[Access]], service: str) -> None:
    table = AccessTable(small[service])
    words = frozenset[str]().union(*(row.any_of for row in small[service]))
    for route in table.routes.all:
        asked = route.allow.replace("*", "x1")
        for scope in (route.access.any_of, words):
            assert permits(table.answer(PREFIX, scope, asked), PREFIX + asked)
        assert not permits(table.answer(PREFIX, words - route.access.any_of, asked), PREFIX + asked)
