"""What is printed: each outcome as it comes, and the sums."""

from collections import Counter
from collections.abc import Iterable

from bench.mutants.changes import Change
from bench.mutants.laboratory import Outcome
from bench.mutants.reasons import Reasons


def line(outcome: Outcome, given: Reasons) -> str:
    """One outcome."""
    change = outcome.change
    became = ("explained" if given.of(change) else "SURVIVED") if outcome.survived else "found"
    late = " (it did not end)" if outcome.code < 0 else ""
    return f"{became:9} {change.path}:{change.line} {change.scope}: {change.what}{late}"


def table(outcomes: Iterable[Outcome], given: Reasons) -> str:
    """The sums by package."""
    tried: Counter[str] = Counter()
    survived: Counter[str] = Counter()
    explained: Counter[str] = Counter()
    for outcome in outcomes:
        package = outcome.change.path.split("/")[1]
        for name in (package, "all"):
            tried[name] += 1
            survived[name] += outcome.survived
            explained[name] += outcome.survived and given.of(outcome.change) is not None
    lines = ["package       tried    found  with a reason  without one"]
    for name in [*sorted(tried.keys() - {"all"}), "all"]:
        row = tried[name], tried[name] - survived[name], explained[name], survived[name] - explained[name]
        lines.append("{:10} {:8} {:8} {:14} {:12}".format(name, *row))
    return "\n".join(lines)


def entry(change: Change) -> str:
    """What survivors.toml would say of `change`, but for the reason."""
    return f'[[survivor]]\nwhere = "{change.where}"\nchange = {_quoted(change.what)}\nreason = ""\n'


def _quoted(text: str) -> str:
    return f"'''{text}'''" if "'" in text else f"'{text}'"
