"""`python -m chalicelib.admin`: reads the command, runs it, prints what came of it."""

import argparse
import json
import sys
from collections.abc import Sequence

from chalicelib.admin import keys
from chalicelib.admin.output import Result, table
from chalicelib.errors import GatehouseError
from chalicelib.services import current
from chalicelib.settings import SettingsError


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: 0, or 1 with one line on standard error where the command could not be done."""
    parsed = parser().parse_args(arguments)
    try:
        if parsed.asks and not (parsed.yes or _agreed(parsed.asks)):
            return 1
        result: Result = parsed.run(current(), parsed)
    except GatehouseError as error:
        detail = f" ({error.detail})" if error.detail else ""
        print(f"{error.description}{detail}", file=sys.stderr)
        return 1
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 1
    print(json.dumps(result.document) if parsed.json else table(result))
    return 0


def parser() -> argparse.ArgumentParser:
    """All commands."""
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--json", action="store_true", help="print one JSON document")
    common.add_argument("--yes", action="store_true", help="answer yes to what would be asked")
    top = argparse.ArgumentParser("python -m chalicelib.admin", description="Looks after a Gatehouse.")
    groups = top.add_subparsers(required=True, metavar="keys")
    keys.add_commands(groups, common)
    return top


def _agreed(question: str) -> bool:
    # Asked on standard error: standard output may be a JSON document for somebody.
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    agreed = sys.stdin.readline().strip().lower() in ("y", "yes")
    if not agreed:
        print("Nothing was changed.", file=sys.stderr)
    return agreed


if __name__ == "__main__":
    sys.exit(main())
