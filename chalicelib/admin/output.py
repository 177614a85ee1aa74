"""What a command gives back: a JSON document, and the same as a table to read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Result:
    """`document` is what `--json` prints; `rows` are its lines, each with the same columns."""

    document: Mapping[str, object]
    rows: Sequence[Mapping[str, str]] = ()
    message: str = ""


def table(result: Result) -> str:
    """The rows under their headings, then the message."""
    lines = []
    if result.rows:
        columns = list(result.rows[0])
        rows = [{name: name for name in columns}, *result.rows]
        widths = {name: max(len(row[name]) for row in rows) for name in columns}
        lines = ["  ".join(row[name].ljust(widths[name]) for name in columns).rstrip() for row in rows]
    return "\n".join([*lines, result.message] if result.message else lines)
