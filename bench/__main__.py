"""`python -m bench` measures all, prints it and writes docs/performance.md; `python -m bench gate cold` some.

Ends with 1 where a goal is missed, and says which.
"""

import sys
from argparse import ArgumentParser
from importlib import import_module

from bench import report
from bench.rows import Row

MODULES = ("gate", "instructions", "cold", "service", "costs", "growth")


def main(arguments: list[str] | None = None) -> int:
    """The command; the exit code."""
    parser = ArgumentParser(prog="python -m bench", description="What Gatehouse costs, as ratios.")
    parser.add_argument("modules", nargs="*", metavar="MODULE", help=f"one of {', '.join(MODULES)}; else all")
    asked = parser.parse_args(arguments).modules
    if unknown := set(asked) - set(MODULES):
        parser.error(f"no such module: {', '.join(sorted(unknown))}")
    rows: list[Row] = []
    for name in asked or MODULES:
        print(f"{name} ...", file=sys.stderr, flush=True)
        for row in import_module(f"bench.{name}").rows():
            print(f"  {report.line(row)}", file=sys.stderr, flush=True)
            rows.append(row)
    print(f"{report.machine()}\n\n{report.table(rows)}")
    if not asked:
        report.write(rows)
    missed = [row for row in rows if not row.holds]
    for row in missed:
        print(f"Missed: {report.line(row)}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
