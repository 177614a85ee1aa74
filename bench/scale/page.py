"""The tables of docs/scale.md, and where they stand in it."""

import platform
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from bench.scale import cost, limits, prices
from bench.scale.operations import GATE, LOGOUT, REFRESH, REQUEST, SIGN_IN, Measured

PAGE = Path(__file__).parents[2] / "docs/scale.md"
SCALES = (1_000, 100_000, 10_000_000)
_MILLIONS = (SIGN_IN, REFRESH, REQUEST, GATE, LOGOUT)
_BLOCK = re.compile(r"(<!-- (\w+): begin -->\n).*?(<!-- \2: end -->)", re.DOTALL)
_TIMED = re.compile(r"^\| ([a-z -]+) \|.*\| ([0-9.]+) \|$", re.MULTILINE)

Row = Iterable[object]
Dollars = Callable[[int], float]


def blocks(measured: Measured, machine: str) -> dict[str, str]:
    """The page's blocks by name. `machine` says where and when processor time was taken."""
    return {
        "measured": f"{_operations(measured)}\n{machine}\n",
        "prices": _prices(),
        "million": _million(measured),
        "month": _month(measured),
        "limits": _limits(measured),
    }


def filled(page: str, made: Mapping[str, str]) -> str:
    """`page` with every block as `made`. Raises `KeyError` for a block that nobody makes."""
    return _BLOCK.sub(lambda found: found[1] + made[found[2]] + found[3], page)


def as_it_says(page: str, measured: Measured) -> tuple[Measured, str]:
    """`measured` with the processor times that `page` has, and what it says of the machine."""
    (block,) = (found[0] for found in _BLOCK.finditer(page) if found[2] == "measured")
    times = {name: float(text) for name, text in _TIMED.findall(block)}
    (machine,) = re.findall(r"^Processor time: .*$", block, re.MULTILINE)
    return replace(measured, milliseconds=times), machine


def machine() -> str:
    """This machine, today."""
    cpuinfo = Path("/proc/cpuinfo")
    named = re.search(r"^model name\s*: (.*)$", cpuinfo.read_text() if cpuinfo.exists() else "", re.MULTILINE)
    name = named[1] if named else platform.machine()
    today = datetime.now(UTC).date().isoformat()
    return f"Processor time: {name}, Python {platform.python_version()}, {today}."


def rounded(measured: Measured) -> Measured:
    """`measured` as the page writes it, so that the tables follow from what is printed."""
    return replace(measured, milliseconds={name: round(taken, 1) for name, taken in measured.milliseconds.items()})


def _operations(measured: Measured) -> str:
    header = ("operation", "calls", "read units", "write units", "bytes logged", "billed, ms", "processor, ms")
    rows = []
    for name, counted in measured.counted.items():
        calls = ", ".join(dict.fromkeys(_times(counted.calls, call) for call in counted.calls))
        units, billed = counted.units, cost.duration(measured, name)
        taken = f"{measured.milliseconds[name]:.1f}"
        rows.append((name, calls, f"{units.read:g}", f"{units.write:g}", counted.log_bytes, billed, taken))
    return _table(header, rows)


def _times(calls: tuple[str, ...], call: str) -> str:
    often = calls.count(call)
    return f"`{call}`" if often == 1 else f"{often} `{call}`"


def _prices() -> str:
    rows = [
        (each.name, f"{each.dollars:.10f}".rstrip("0").rstrip("."), each.unit, each.page, each.read)
        for each in prices.PRICES
    ]
    return _table(("what", "dollars", "for each", "AWS's page", "read"), rows)


def _million(measured: Measured) -> str:
    header = (
        "a million",
        "API Gateway",
        "Lambda, x86",
        "Lambda, arm64",
        "DynamoDB",
        "logs",
        "in all, x86",
        "arm64",
    )
    rows = []
    for name in _MILLIONS:
        of = cost.of_a_million(measured, name)
        parts = (of.gateway, of.requests + of.x86, of.requests + of.arm, of.dynamodb, of.logs)
        rows.append((name, *map(_cents, (*parts, of.total(), of.total(arm=True)))))
    return _table(header, rows)


def _month(measured: Measured) -> str:
    served: dict[str, Dollars] = {
        "sign-ins": lambda users: cost.of_a_month(measured, users, SIGN_IN),
        "refreshes": lambda users: cost.of_a_month(measured, users, REFRESH),
        "logouts": lambda users: cost.of_a_month(measured, users, LOGOUT),
        "the gate": lambda users: cost.of_a_month(measured, users, GATE),
        "the feed": lambda users: limits.feed_a_month(measured, users),
        "key, alarms, metrics, dashboard": lambda _: cost.standing(),
    }
    rows: list[Row] = [(name, *(_dollars(of(users)) for users in SCALES)) for name, of in served.items()]
    rows.append(
        ("**Gatehouse**", *(f"**{_dollars(sum(of(users) for of in served.values()))}**" for users in SCALES))
    )
    rows.append(("Cognito Lite", *(_dollars(prices.cognito_lite(users)) for users in SCALES)))
    rows.append(("Cognito Essentials", *(_dollars(prices.cognito_essentials(users)) for users in SCALES)))
    return _table(("dollars a month", *(f"{users:,} users" for users in SCALES)), rows)


def _limits(measured: Measured) -> str:
    header = ("limit", "is", *(f"{users:,}" for users in SCALES), "reached at", "moved by", "source")
    rows = []
    for limit in sorted(limits.limits(), key=lambda each: each.reached_at(measured)):
        loads = [_amount(limit.load(measured, users)) for users in SCALES]
        users = limit.reached_at(measured)
        # Two digits: a model is no more exact.
        reached = f"{float(f'{users:.1e}'):,.0f}" if users < limits.MOST_USERS else "never"
        rows.append((limit.name, f"{limit.most:,}", *loads, reached, limit.moved_by, limit.source))
    return _table(header, rows)


def _cents(dollars: float) -> str:
    return f"{dollars:.2f}"


def _dollars(dollars: float) -> str:
    return f"{dollars:,.0f}"


def _amount(load: float) -> str:
    return f"{load:,.0f}" if load >= 10 else f"{load:.2g}"


def _table(header: Row, rows: Iterable[Row]) -> str:
    lines = [header, ["---"] * len(list(header)), *rows]
    return "".join(f"| {' | '.join(map(str, line))} |\n" for line in lines)
