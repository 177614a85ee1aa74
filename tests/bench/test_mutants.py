"""Changes of the core, which test runs them, and what survives: on a project of one module and two tests."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bench.mutants import reasons, report, sample
from bench.mutants.changes import Change, changes
from bench.mutants.laboratory import Outcome
from bench.mutants.trees import ROOT
from tests.support.patience import END


def changed(source: str) -> set[str]:
    """Every change of `source`, as the lines that it leaves."""
    return {change.applied(source.encode()).decode() for change in changes("m.py", source.encode())}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a < b", {"(a <= b)", "(a >= b)"}),
        ("a == b", {"(a != b)"}),
        ("a in b", {"(a not in b)"}),
        ("a < b <= c", {"(a <= b <= c)", "(a >= b <= c)", "(a < b < c)", "(a < b > c)"}),
        ("a and b", {"(a or b)", "True and b", "a and True"}),
        ("a or b", {"(a and b)", "False or b", "a or False"}),
        ("not a", {"a"}),
        ("a if b else c", {"a", "c"}),
        ("a + b", {"(a - b)"}),
        ("f(a, b=c, maxsize=d)", {"pass", "f(a, **{}, maxsize=d)"}),
        ("x = min(a)", {"x = max(a)"}),
        ("x = a.lower()", {"x = a"}),
        ("x = 1", {"x = 2", "x = 0"}),
        ("x = 'é'", {"x = 'xé'"}),
        ("x = f'{a}'", {"x = ('x' + f'{a}')"}),
        ("x = True", {"x = False"}),
        ("x = {a: b}", {"x = {**{}}"}),
        ("x = [a]", {"x = [*()]"}),
        ("x = a[b:]", {"x = a[:]"}),
        ("x = [a for a in b if a]", {"x = [a for a in b if True]"}),
        ("x[a] = b", {"pass"}),
        ("x += a", {"pass", "x -= a"}),
        ("with suppress(A): a", {"with suppress(): a"}),
        ("raise A('words') from None", {"pass"}),
        ("x = E('words')", {"x = E('xwords')"}),
        ("x = AnError('words', detail='words')", set()),
        ("'''A docstring.'''", set()),
        ("x: int | None", set()),
    ],
)
def test_changes(source: str, expected: set[str]) -> None:
    assert changed(source) == expected


def test_changes_of_a_function() -> None:
    source = (
        "@cache(1)\ndef f(a: 'A', b=1):\n    try:\n        return a\n    except (A, B):\n        return None\n"
    )
    left = {text.replace("\n", "|").replace("    ", "") for text in changed(source)}
    head = "@cache(1)|def f(a: 'A', b=1):|"
    assert left == {
        source.replace("\n", "|").replace("    ", "").replace("b=1", "b=2"),
        source.replace("\n", "|").replace("    ", "").replace("b=1", "b=0"),
        f"{head}try:|return None|except (A, B):|return None|",
        f"{head}try:|return a|except (*(), B):|return None|",
        f"{head}try:|return a|except (A, *()):|return None|",
        f"{head}try:|return a|except (A, B):|raise|",
    }


def test_equal_changes_of_one_place_are_numbered() -> None:
    first, second = (
        change for change in changes("m.py", b"def f():\n    a(1)\n    a(1)\n") if change.after == "2"
    )
    assert (first.where, first.what, second.what) == ("m.py f", "1 -> 2", "1 -> 2 (2)")
    assert (first.line, second.line, first.function) == (2, 3, "f")


def test_a_sample_takes_one_of_a_line_stays_the_same_and_has_every_survivor() -> None:
    made = changes("chalicelib/keys/m.py", b"a = 1 + 2\nb = 3\nc = 4\n")
    nothing, listed = reasons.read(""), reasons.Reasons({(change.where, change.what): "" for change in made[:1]})
    assert sorted(change.line for change in sample.chosen(made, nothing)) == [1, 2, 3]
    two = sample.chosen(made, nothing, 2)
    assert two == sample.chosen(list(reversed(made)), nothing, 2)
    assert len(two) == 2
    explained = reasons.Reasons({(change.where, change.what): "equal" for change in made})
    assert sample.chosen(made, explained, 0) == made
    assert sample.chosen(made, listed, 0) == []


def test_every_package_that_counts_has_changes() -> None:
    named = {change.path.split("/")[1] for change in sample.every(ROOT, ["keys/timing.py", "grants"])}
    assert named == {"keys", "grants"}
    with pytest.raises(FileNotFoundError):
        sample.every(ROOT, ["nothing"])


@pytest.mark.parametrize("reason", ["", " "])
def test_a_survivor_without_a_reason_is_refused(reason: str) -> None:
    with pytest.raises(ValueError, match="no reason"):
        reasons.read(f"[[survivor]]\nwhere = 'a'\nchange = 'b'\nreason = '{reason}'\n")


def test_every_reason_is_of_a_change_that_can_be_made() -> None:
    given = reasons.read(reasons.FILE.read_text())
    assert given.gone(sample.every(ROOT)) == []


def test_what_is_printed_of_a_survivor_can_stand_in_the_list() -> None:
    (change,) = changes("chalicelib/keys/m.py", b"x = {'a\"': 1}")[2:3]
    assert isinstance(change, Change)
    text = report.entry(change).replace('reason = ""', 'reason = "equal"')
    assert reasons.read(text).of(change) == "equal"
    assert report.line(Outcome(change, 0), reasons.read("")).startswith("SURVIVED")
    assert report.line(Outcome(change, 0), reasons.read(text)).startswith("explained")
    assert report.line(Outcome(change, 1), reasons.read("")).startswith("found")
    assert report.table([Outcome(change, 0), Outcome(change, 1)], reasons.read("")).endswith(
        "all               2        1              0            1"
    )


MODULE = """
LEAST = 1

def fits(number):
    return LEAST <= number <= 3
"""
TESTS = """
from chalicelib.keys.limit import fits

def test_three_fits():
    assert fits(3)

def test_five_does_not():
    assert not fits(5)

def test_that_fails():
    raise AssertionError
"""
PROGRAM = """
import sys
from pathlib import Path
from bench.mutants import reasons, sample, trial
from bench.mutants.laboratory import Laboratory

root, directory = Path(sys.argv[1]), Path(sys.argv[2])
trial.prepare()
laboratory = Laboratory(root, directory, 2)
tests = laboratory.record(directory / "tests.json")
print(*tests.failed())
for outcome in laboratory.run(sample.every(root, ["keys"]), tests, reasons.read(""), lambda outcome: None):
    print(outcome.change.what, outcome.survived)
laboratory.close()
"""


def test_what_no_test_notices_survives(tmp_path: Path) -> None:
    root, directory = tmp_path / "project", tmp_path / "copies"
    files = {"chalicelib/keys/limit.py": MODULE, "tests/keys/test_limit.py": TESTS, "pytest.ini": "[pytest]"}
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    directory.mkdir()
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    command = [sys.executable, "-c", PROGRAM, str(root), str(directory)]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=END)
    failed, *outcomes = ran.stdout.splitlines()
    assert failed == "tests/keys/test_limit.py::test_that_fails"
    assert sorted(outcomes) == [
        "1 -> 0 True",
        "1 -> 2 True",
        "3 -> 2 False",
        "3 -> 4 True",
        "LEAST <= number <= 3 -> (LEAST < number <= 3) True",
        "LEAST <= number <= 3 -> (LEAST <= number < 3) False",
        "LEAST <= number <= 3 -> (LEAST <= number > 3) False",
        "LEAST <= number <= 3 -> (LEAST > number <= 3) False",
        "return LEAST <= number <= 3 -> return None False",
    ]
    assert (root / "chalicelib/keys/limit.py").read_text() == MODULE
    recorded = json.loads((directory / "tests.json").read_text())["tests/keys/test_limit.py"]
    assert recorded["lines"]["chalicelib/keys/limit.py"]["5"] != []
