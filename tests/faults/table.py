"""The table in build/faults.md: what each fault at each call of each operation comes to."""

from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

from tests.faults.proxy import SLOWLY, Plan
from tests.faults.trial import EVERY_CALL, Outcome, Reference, Result

PAGE = Path(__file__).parents[2] / "build/faults.md"

HEAD = (
    "operation",
    "call",
    "goes wrong once",
    "fails for good",
    "no answer",
    "done, the answer is lost",
)


def lines(references: dict[str, Reference], results: Iterable[Result]) -> list[str]:
    """The table in Markdown: a line for each call, neighbours that are alike in one."""
    by_call: dict[tuple[str, int], list[Result]] = {}
    # Whether a slow answer leaves time enough depends on the machine; either way the promises are held against it.
    for result in (result for result in results if result.trial.plan.fault is not SLOWLY):
        by_call.setdefault((result.trial.operation.name, result.trial.plan.number), []).append(result)
    made = ["| " + " | ".join(HEAD) + " |", "| " + " | ".join(["---"] * len(HEAD)) + " |"]
    for name, reference in references.items():
        numbers = [*range(1, len(reference.calls) + 1), EVERY_CALL]
        cells = {number: _cells(by_call[name, number]) for number in numbers}
        first = f"{name}: {reference.status}"
        for cell, alike in groupby(numbers, cells.__getitem__):
            calls = ", ".join(_called(reference, number) for number in alike)
            made.append("| " + " | ".join([first, calls, *cell]) + " |")
            first = ""
    return made


def _called(reference: Reference, number: int) -> str:
    return "every call" if number == EVERY_CALL else f"{number} {reference.calls[number - 1]}"


def _cells(results: list[Result]) -> tuple[str, str, str, str]:
    """The outcomes by kind of fault: once; for good, at once or by timeout; and for good, when AWS had done it."""
    groups: list[list[Result]] = [[], [], [], []]
    for result in results:
        groups[_column(result.trial.plan)].append(result)
    once, failing, silent, lost = (_told(group) for group in groups)
    return once, failing, silent, lost


def _column(plan: Plan) -> int:
    if not plan.lasting:
        return 0
    if plan.fault.taken:
        return 3
    return 2 if plan.fault.silent else 1


def _told(results: list[Result]) -> str:
    by_words: dict[str, list[str]] = {}
    for result in results:
        by_words.setdefault(_words(result.outcome), []).append(result.trial.plan.fault.name)
    if len(by_words) <= 1:
        return "".join(by_words)
    most = max(by_words, key=lambda words: len(by_words[words]))
    others = [f"{', '.join(sorted(names))}: {words}" for words, names in sorted(by_words.items()) if words != most]
    return "; ".join([most, *others])


def _words(outcome: Outcome) -> str:
    if outcome.written == "nothing" or (outcome.written == "all" and outcome.status == outcome.again):
        return outcome.status
    written = "written twice" if outcome.written == "more" else f"{outcome.written} written"
    again = f", again {outcome.again}" if outcome.status != outcome.again else ""
    return f"{outcome.status} ({written}{again})"


def write(made: Iterable[str]) -> None:
    """Writes the table for people, a page of its own."""
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text("\n".join(["# What came of each fault", "", *made, ""]))
