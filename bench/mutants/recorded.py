"""Which tests run a line of the core, recorded once for each test file and kept under build/mutants."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

import coverage
import pytest

from bench.mutants.changes import Change
from bench.mutants.recorder import Recorder

# What a change may be found by: tests in one process with moto. The others have their own reasons to be slow.
FOLDERS = (
    "accounts",
    "admin",
    "gate",
    "grants",
    "keys",
    "routes",
    "sample",
    "stores",
    "telemetry",
    "tokens",
    "web",
)
_MORE = ("tests/faults/test_deadline.py",)
# The processor's seconds that the tests of one change may take; what only later ones would find is not found.
ENOUGH = 45.0


class Recorded(TypedDict):
    """What one test file ran: its tests' seconds, the places of the tests among these by line of each module, and
    the lines that ran when modules were imported; and its tests that failed though nothing was changed, which find
    nothing."""

    key: str
    failed: list[str]
    seconds: dict[str, float]
    lines: dict[str, dict[str, list[int]]]
    imported: dict[str, list[int]]


def test_files(root: Path) -> list[str]:
    """The test files that count, as paths in `root`."""
    folders = [root / "tests" / name for name in FOLDERS]
    found = [
        *filter(Path.exists, map(root.joinpath, _MORE)),
        *(root / "tests").glob("test_*.py"),
        *(file for each in folders for file in each.rglob("test_*.py")),
    ]
    return sorted(str(file.relative_to(root)) for file in found)


def keys(root: Path) -> dict[str, str]:
    """For each test file what its recording holds for: a digest of it and of all that is no test."""
    everything = hashlib.sha256()
    for folder in ("chalicelib", "infra", "tests"):
        for file in sorted((root / folder).rglob("*.py")):
            if not file.name.startswith("test_"):
                everything.update(str(file.relative_to(root)).encode() + file.read_bytes())
    shared = everything.digest()
    return {name: hashlib.sha256(shared + (root / name).read_bytes()).hexdigest() for name in test_files(root)}


@dataclass(frozen=True, slots=True)
class Tests:
    """What is recorded of each test file."""

    files: dict[str, Recorded]

    def failed(self) -> list[str]:
        """The tests that failed though nothing was changed."""
        return [test for recorded in self.files.values() for test in recorded["failed"]]

    def of(self, change: Change, *, near: bool = False) -> dict[str, float]:
        """The tests that run what `change` changes, with the seconds of each: fastest first, of the module's own
        folder before others (or alone, where they are to be `near`), and not more than `ENOUGH`.

        What runs at the import of a module is taken to be run by every test that runs anything of it, and by every
        test of its own folder.
        """
        lines = {str(line) for line in _lines(change)}
        seconds: dict[str, float] = {}
        for recorded in self.files.values():
            by_line = recorded["lines"].get(change.path, {})
            run = [places for line, places in by_line.items() if not change.function or line in lines]
            tests = list(recorded["seconds"])
            named = {tests[place] for places in run for place in places}
            if not change.function:
                named |= {test for test in tests if is_near(test, change)}
            named -= set(recorded["failed"])
            seconds |= {test: recorded["seconds"][test] for test in named}
        chosen: dict[str, float] = {}
        for test in sorted(seconds, key=lambda test: (not is_near(test, change), seconds[test], test)):
            if near and not is_near(test, change):
                break
            if sum(chosen.values()) + seconds[test] <= ENOUGH:
                chosen[test] = seconds[test]
        return chosen

    def quickest(self) -> dict[str, float]:
        """The quickest test of each file that has one of less than a second, with its seconds."""
        quickest = {}
        for recorded in self.files.values():
            seconds = recorded["seconds"].items()
            passed = {test: took for test, took in seconds if took < 1 and test not in recorded["failed"]}
            if passed:
                test = min(passed, key=passed.__getitem__)
                quickest[test] = passed[test]
        return quickest

    def is_imported(self, change: Change) -> bool:
        """Whether what `change` changes runs when its module is imported."""
        imported = (recorded["imported"].get(change.path, ()) for recorded in self.files.values())
        return not change.function or any(not set(_lines(change)).isdisjoint(lines) for lines in imported)


def _lines(change: Change) -> range:
    return range(change.line, change.last_line + 1)


def is_near(test: str, change: Change) -> bool:
    """Whether `test` stands in the folder of the module's package."""
    return test.split("/")[1] == change.path.split("/")[1]


class Recording:
    """Within pytest: records the tests of `files`, and writes to `output` when they are over."""

    def __init__(self, root: Path, files: Iterable[str], output: Path) -> None:
        self._files = frozenset(files)
        self._root, self._output = root, output
        self._measured = coverage.Coverage(
            data_file=None, source=[str(root / "chalicelib")], config_file=False, messages=False
        )
        self._recorder = Recorder(self._measured)
        self._imported: dict[str, list[int]] = {}

    @pytest.hookimpl(tryfirst=True)
    def pytest_load_initial_conftests(self, early_config: pytest.Config) -> None:
        early_config.pluginmanager.register(self._recorder)
        self._measured.start()

    def pytest_collection_finish(self) -> None:
        data = self._measured.get_data()
        for file in data.measured_files():
            self._imported[str(Path(file).relative_to(self._root))] = sorted(data.lines(file) or ())

    def pytest_sessionfinish(self) -> None:
        self._measured.stop()
        data = self._measured.get_data()
        made: dict[str, Recorded] = {
            name: Recorded(key="", failed=[], seconds={}, lines={}, imported=self._imported)
            for name in self._files
        }
        for test in sorted(self._recorder.failed):
            made[test.partition("::")[0]]["failed"].append(test)
        for test, took in self._recorder.seconds.items():
            made[test.partition("::")[0]]["seconds"][test] = took
        places = {test: place for each in made.values() for place, test in enumerate(each["seconds"])}
        for file in data.measured_files():
            path = str(Path(file).relative_to(self._root))
            for line, tests in data.contexts_by_lineno(file).items():
                by_file: dict[str, list[int]] = defaultdict(list)
                for test in filter(None, tests):
                    by_file[test.partition("::")[0]].append(places[test])
                for name, own in by_file.items():
                    made[name]["lines"].setdefault(path, {})[str(line)] = own
        self._output.write_text(json.dumps(made))
