"""`python -m bench.mutants` tries a sample of the changes and prints what no test finds.

It ends with 1 where a survivor has no reason in survivors.toml, or a reason no survivor. `python -m bench.mutants
keys tokens/jws.py` tries some modules, `--all` every change, `--again` what survived before without a reason.
"""

import json
import os
import signal
import sys
import time
from argparse import ArgumentParser, Namespace
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.mutants import reasons, report, sample, trial
from bench.mutants.changes import Change
from bench.mutants.laboratory import Laboratory, Outcome
from bench.mutants.reasons import Reasons
from bench.mutants.trees import ROOT

KEPT = ROOT / "build" / "mutants"
_SURVIVED = KEPT / "survived.json"


def main(arguments: list[str] | None = None) -> int:
    """The command; the exit code."""
    parser = ArgumentParser(prog="python -m bench.mutants", description="What the tests would not notice.")
    parser.add_argument("modules", nargs="*", metavar="MODULE", help="keys, or keys/ring.py; else all that count")
    parser.add_argument("--all", action="store_true", help="every change, where else a sample is tried")
    parser.add_argument("--again", action="store_true", help="only what survived the last time without a reason")
    parser.add_argument("--most", type=int, default=sample.DEFAULT, help="how many to try (%(default)s)")
    asked = parser.parse_args(arguments)
    given = reasons.read(reasons.FILE.read_text())
    made = sample.every(ROOT, asked.modules)
    KEPT.mkdir(parents=True, exist_ok=True)
    trial.prepare()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that trials end too
    outcomes = _outcomes(_tried(asked, made, given), given)
    unexplained = [outcome.change for outcome in outcomes if outcome.survived and not given.of(outcome.change)]
    needless = [outcome.change for outcome in outcomes if not outcome.survived and given.of(outcome.change)]
    _SURVIVED.write_text(json.dumps([(change.where, change.what) for change in unexplained]))
    gone = [] if asked.modules else given.gone(made)
    for change in unexplained:
        print(f"\nNo test finds this, line {change.line}:\n{report.entry(change)}", end="")
    for name in [*(f"{change.where}: {change.what}" for change in needless), *gone]:
        print(f"\nA reason for what does not survive:\n{name}")
    print(f"\n{report.table(outcomes, given)}")
    return 1 if unexplained or needless or gone else 0


def _tried(asked: Namespace, made: list[Change], given: Reasons) -> list[Change]:
    if asked.again:
        last = {(where, what) for where, what in json.loads(_SURVIVED.read_text())}
        return [change for change in made if (change.where, change.what) in last]
    return made if asked.all else sample.chosen(made, given, asked.most)


def _outcomes(tried: list[Change], given: Reasons) -> list[Outcome]:
    begin = time.monotonic()
    with TemporaryDirectory(prefix="gatehouse-mutants-") as directory:
        laboratory = Laboratory(ROOT, Path(directory), os.cpu_count() or 1)
        tests = laboratory.record(KEPT / "tests.json")
        for test in tests.failed():
            print(f"It fails though nothing is changed, and finds nothing: {test}")
        print(f"{len(tried)} changes; which test runs which line: {time.monotonic() - begin:.0f} s", flush=True)
        try:
            outcomes = laboratory.run(
                tried, tests, given, lambda outcome: print(report.line(outcome, given), flush=True)
            )
        finally:
            laboratory.close()
    print(f"{time.monotonic() - begin:.0f} s")
    return outcomes


if __name__ == "__main__":
    sys.exit(main())
