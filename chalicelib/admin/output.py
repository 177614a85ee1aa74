"""What a command gives back: a JSON document, and the same for people."""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

# Where nobody looks at it, a line is as long as it has to be.
_ANY_WIDTH = 10_000


@dataclass(frozen=True, slots=True)
class Result:
    """`document` is what `--json` prints; `rows` are its lines for people, each with the same columns."""

    document: Mapping[str, object]
    rows: Sequence[Mapping[str, str]] = ()
    message: str = ""


def show(result: Result, *, as_json: bool) -> None:
    """Prints one JSON document; or the rows under their headings, and then the message.

    On a terminal rows are a table of its width; elsewhere they are plain, one line each.
    """
    if as_json:
        print(json.dumps(result.document))
        return
    terminal = sys.stdout.isatty()
    console = Console(file=sys.stdout, width=None if terminal else _ANY_WIDTH)
    if result.rows:
        console.print(_table(result.rows, plain=not terminal))
    if result.message:
        print(result.message)


def _table(rows: Sequence[Mapping[str, str]], *, plain: bool) -> Table:
    # As `Text`, for a plain string would be read as markup.
    table = Table(box=None if plain else SIMPLE_HEAD, pad_edge=False)
    for column in rows[0]:
        table.add_column(Text(column), overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row.values()))
    return table
