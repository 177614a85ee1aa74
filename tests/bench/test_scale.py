"""docs/scale.md follows from the counted calls, the price table, and the processor times that it states."""

import re
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest

from bench.scale import cost, limits, page, prices
from bench.scale.counter import Counted
from bench.scale.operations import FEED, GATE, LOGOUT, NEW, REFRESH, REQUEST, SIGN_IN, Measured
from bench.scale.units import Units, item_size, of_call, reading, writing
from chalicelib.settings import PREFIX, Settings
from infra import template
from tests.support.pages import ROOT
from tests.support.patience import END

TEXT = page.PAGE.read_text()

# What the page's own figures would be of a service that is easy to reckon with.
REFRESHED = Counted(("UpdateItem", "GetItem"), Units(read=1, write=1), log_bytes=1000 - cost.access_log_bytes())
PLAIN = Measured(
    counted={
        SIGN_IN: Counted(("BatchGetItem", "PutItem"), Units(3, 1)),
        REFRESH: REFRESHED,
        REQUEST: Counted(),
        GATE: Counted(),
        LOGOUT: Counted(("TransactWriteItems",), Units(0, 4)),
        FEED: Counted(("Query",) * 3, Units(3, 0)),
        NEW: Counted(("Query", "Decrypt", "Decrypt"), Units(1, 0)),
    },
    milliseconds=dict.fromkeys((SIGN_IN, REFRESH, REQUEST, GATE, LOGOUT, FEED, NEW), 0.0),
    entry_size=100,
    ring_size=1000,
)


# --- The page


@pytest.mark.xdist_group("load")
def test_the_page_follows_from_what_is_counted() -> None:
    command = [sys.executable, "-m", "bench.scale", "--check"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=END, check=False)
    assert run.returncode == 0, f"`make scale` writes another page\n{run.stderr}"


def test_every_block_is_made() -> None:
    made = page.blocks(PLAIN, "Processor time: none.")
    filled = page.filled(TEXT, made)
    assert all(table in filled for table in made.values())
    with pytest.raises(KeyError):
        page.filled(TEXT, {})


def test_the_processor_times_are_read_from_the_page() -> None:
    measured = replace(PLAIN, milliseconds=dict.fromkeys(PLAIN.counted, 1.5))
    filled = page.filled(TEXT, page.blocks(measured, "Processor time: a machine, today."))
    read, machine = page.as_it_says(filled, PLAIN)
    assert (read, machine) == (measured, "Processor time: a machine, today.")
    assert page.filled(filled, page.blocks(read, machine)) == filled


@pytest.mark.parametrize("heading", ["a million", "dollars a month", "limit"])
def test_a_figure_that_was_changed_by_hand_is_found(heading: str) -> None:
    filled = page.filled(TEXT, page.blocks(PLAIN, "Processor time: none."))
    start = filled.index(f"| {heading} |")
    changed = filled[:start] + re.sub(r"\| (\d)", r"| 9\1", filled[start:], count=1)
    assert page.filled(changed, page.blocks(*page.as_it_says(changed, PLAIN))) == filled != changed


def test_the_page_states_the_model_that_is_reckoned_with() -> None:
    prose, usage = " ".join(TEXT.split()), cost.USAGE
    assert usage.sign_ins == usage.logouts == 1 / 14
    assert (usage.refreshes, usage.requests_a_minute, usage.peak, limits.CONTAINERS) == (2, 3, 5, 2)
    assert "signs in and out once in 14 days" in prose
    assert (
        f"is active {usage.active} minutes a day, refreshes twice in that time and makes three requests" in prose
    )
    assert "has five times the mean rate, and two containers live for each that is busy" in prose
    assert f"{cost.WAIT} ms of waiting for each call (assumed)" in prose


def test_every_price_names_its_page_and_is_written_there() -> None:
    assert len(prices.PRICES) == len({price.name for price in prices.PRICES})
    for price in prices.PRICES:
        assert re.fullmatch(r"\d{4}-\d\d-\d\d|undated", price.read)
        row = rf"^\| {re.escape(price.name)} \| .* \| {re.escape(price.page)} \| {price.read} \|$"
        assert re.search(row, TEXT, re.MULTILINE)


# --- Request units


@pytest.mark.parametrize(
    ("item", "size"),
    [
        ({}, 0),
        ({"pk": {"S": "naïve"}}, 2 + 6),
        ({"n": {"N": "1800000000"}}, 1 + 2),
        ({"n": {"N": "123"}}, 1 + 3),
        ({"n": {"N": "-7"}}, 1 + 3),
        ({"b": {"B": b"12345"}}, 1 + 5),
        ({"b": {"B": "MTIzNDU="}}, 1 + 5),
        ({"t": {"BOOL": True}, "z": {"NULL": True}}, 2 + 2),
        ({"s": {"SS": ["ab", "ä"]}}, 1 + 2 + 2),
        ({"l": {"L": [{"S": "ab"}, {"S": ""}]}}, 1 + 3 + 2 + 2),
        ({"m": {"M": {"k": {"S": "v"}}}}, 1 + 3 + 1 + 2),
    ],
)
def test_an_item_is_as_long_as_its_names_and_values(item: dict[str, Any], size: int) -> None:
    assert item_size(item) == size


def test_a_unit_is_4_kb_read_or_1_kb_written() -> None:
    assert [reading(size).read for size in (0, 1, 4096, 4097)] == [1, 1, 1, 2]
    assert [writing(size).write for size in (0, 1, 1024, 1025)] == [1, 1, 1, 2]


LONG = {"pk": {"S": "x" * 4095}}  # 4097 bytes


def no_look(table: str, key: Any) -> Any:
    raise AssertionError("nothing to look up")


@pytest.mark.parametrize(
    ("operation", "sent", "answer", "units"),
    [
        ("GetItem", {}, {"Item": LONG}, Units(read=2)),
        ("GetItem", {}, {}, Units(read=1)),
        ("Query", {}, {"Items": [LONG, LONG]}, Units(read=3)),
        ("Query", {}, {"Items": []}, Units(read=1)),
        ("BatchGetItem", {"RequestItems": {"t": {"Keys": [1, 2]}}}, {"Responses": {"t": [LONG]}}, Units(read=3)),
        ("PutItem", {"Item": LONG}, {}, Units(write=5)),
        ("UpdateItem", {}, {"Attributes": LONG}, Units(write=5)),
        ("UpdateItem", {}, {"Item": LONG, "Error": {}}, Units(write=5)),
        ("UpdateItem", {}, {"Error": {}}, Units(write=1)),
        ("TransactWriteItems", {"TransactItems": [{"Put": {"Item": LONG}}] * 2}, {}, Units(write=20)),
    ],
)
def test_a_call_costs_by_what_it_touched(operation: str, sent: Any, answer: Any, units: Units) -> None:
    assert of_call(operation, sent, answer, no_look) == units


def test_an_update_in_a_transaction_costs_by_the_item_that_it_leaves() -> None:
    sent = {"TransactItems": [{"Update": {"TableName": "t", "Key": {"pk": {"S": "x"}}}}]}
    assert of_call("TransactWriteItems", sent, {}, lambda *_: LONG) == Units(write=10)


def test_a_call_that_nobody_has_priced_is_refused() -> None:
    with pytest.raises(ValueError, match="Scan"):
        of_call("Scan", {}, {}, no_look)


# --- Dollars


def test_a_million_refreshes() -> None:
    of = cost.of_a_million(PLAIN, REFRESH)
    # 10 ms of waiting on 1 GB; one unit each; a thousand bytes of logs.
    assert of.gateway == 3.50
    assert of.requests == 0.20
    assert of.x86 == pytest.approx(10_000 * 0.0000166667)
    assert of.arm == pytest.approx(10_000 * 0.0000133334)
    assert of.dynamodb == pytest.approx(0.125 + 0.625)
    assert of.logs == pytest.approx(0.50)
    assert of.total() - of.total(arm=True) == pytest.approx(of.x86 - of.arm)


def test_processor_time_is_stretched_by_the_share_that_the_memory_gives() -> None:
    measured = replace(PLAIN, milliseconds={**PLAIN.milliseconds, SIGN_IN: 100.0})
    assert cost.duration(measured, SIGN_IN) == 183  # 100 * 1769 / 1024, rounded up, and two calls


def test_a_month_of_refreshes() -> None:
    million = cost.of_a_million(PLAIN, REFRESH).total()
    assert cost.of_a_month(PLAIN, 1_000_000, REFRESH) == pytest.approx(million * 2 * 30)


def test_cognito() -> None:
    assert [prices.cognito_essentials(users) for users in (1_000, 10_000, 110_000)] == [0, 0, 1_500]
    assert [prices.cognito_lite(users) for users in (1_000, 110_000)] == pytest.approx([0, 90_000 * 0.0055 + 46])


def test_what_stands_idle_is_counted_in_the_template() -> None:
    assert cost.standing() == pytest.approx(1 + 3 + 14 * 0.10 + 23 * 0.30)


# --- Limits


def test_a_limit_is_reached_where_the_load_meets_it() -> None:
    for limit in limits.limits():
        users = limit.reached_at(PLAIN)
        if users < limits.MOST_USERS:
            assert limit.load(PLAIN, users - 1) < limit.most <= limit.load(PLAIN, users)


def test_the_busiest_second() -> None:
    assert limits.a_second(86_400, REQUEST) == 60 * 5
    assert limits.a_second(86_400 * 14, SIGN_IN) == pytest.approx(5)


def test_a_quiet_feed_is_read_by_one_container_every_interval() -> None:
    assert limits.feed_reads(PLAIN, 1) == pytest.approx(3 / 5)


def test_a_busy_feed_is_read_from_before_the_last_pull() -> None:
    users = 86_400 * 14 * 20  # so that 100 end a second, of 100 bytes each, seen for 75 s
    busy = limits.containers(PLAIN, users)
    assert limits.feed_reads(PLAIN, users) == pytest.approx(busy / 5 * 184)


def test_containers_start_no_faster_than_lambda_starts_them() -> None:
    assert limits.starts(PLAIN, 10**12) == 100
    assert limits.decryptions(PLAIN, 10**12) == 200


def test_the_settings_and_parameters_that_move_a_limit_exist() -> None:
    moved_by = " ".join(limit.moved_by for limit in limits.limits())
    settings = set(re.findall(r"GATEHOUSE_\w+", moved_by + TEXT))
    assert "GATEHOUSE_PASSWORD_PROFILE" in settings
    assert settings <= {PREFIX + name.upper() for name in Settings._fields}
    parameters = set(re.findall(r"parameter `(\w+)`", moved_by))
    assert parameters == {"RequestsPerSecond", "SignInsPerSecond"}
    assert parameters <= template.additions()["Parameters"].keys()
