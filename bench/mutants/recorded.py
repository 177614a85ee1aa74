"""Which tests run a line of the core, recorded once for each test file and kept under build/mutants."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

import coverage

from bench.mutants.changes import Change
from bench.mutants.recorder import Recorder

# What a change may be found by: tests in one process with moto. The others have their own reasons to be slow.
FOLDERS = ("accounts", "gate", "grants", "keys", "routes", "sample", "stores", "telemetry", "tokens", "web")
# The processor's seconds that the tests of one change may take; what only later ones would find is not found.
ENOUGH = 60.0


class Recorded(TypedDict):
    """What one test file ran: its tests' seconds, and the tests by line of each module; and its tests that failed
    though nothing was changed, which find nothing."""

    key: str
    failed: list[str]
    seconds: dict[str, float]
    lines: dict[str, dict[str, list[str]]]


def test_files(root: Path) -> list[str]:
    """The test files that count, as paths in `root`."""
    folders = [root / "tests" / name for name in FOLDERS]
    found = [*(root / "tests").glob("test_*.py"), *(file for each in folders for file in each.rglob("test_*.py"))]
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

    def of(self, change: Change) -> dict[str, float]:
        """The tests that run what `change` changes, with the seconds of each: fastest first, of the module's own
        folder before others, and not more than `ENOUGH`.

        What runs at the import of a module is taken to be run by every test that runs anything of it.
        """
        lines = {str(line) for line in range(change.line, change.last_line + 1)}
        seconds: dict[str, float] = {}
        for recorded in self.files.values():
            by_line = recorded["lines"].get(change.path, {})
            for line, tests in by_line.items():
                if not change.in_function or line in lines:
                    seconds |= {
                        test: recorded["seconds"][test] for test in tests if test not in recorded["failed"]
                    }
        chosen: dict[str, float] = {}
        for test in sorted(seconds, key=lambda test: (not is_near(test, change), seconds[test], test)):
            if sum(chosen.values()) + seconds[test] <= ENOUGH:
                chosen[test] = seconds[test]
        return chosen


def is_near(test: str, change: Change) -> bool:
    """Whether `test` stands in the folder of the module's package."""
    return test.split("/")[1] == change.path.split("/")[1]


class Recording:
    """Within pytest: records the tests of `files` alone, and writes to `output` when they are over."""

    def __init__(self, root: Path, files: Iterable[str], output: Path) -> None:
        self._files = frozenset(files)
        self._root, self._output = root, output
        self._measured = coverage.Coverage(
            data_file=None, source=[str(root / "chalicelib")], config_file=False, messages=False
        )
        self._recorder = Recorder(self._measured)

    def pytest_configure(self, config: object) -> None:
        config.pluginmanager.register(self._recorder)  # type: ignore[attr-defined]
        self._measured.start()

    def pytest_collection_modifyitems(self, items: list[object]) -> None:
        items[:] = [item for item in items if item.nodeid.partition("::")[0] in self._files]  # type: ignore[attr-defined]

    def pytest_sessionfinish(self) -> None:
        self._measured.stop()
        data = self._measured.get_data()
        made: dict[str, Recorded] = {
            name: Recorded(key="", failed=[], seconds={}, lines={}) for name in self._files
        }
        for test in sorted(self._recorder.failed):
            made[test.partition("::")[0]]["failed"].append(test)
        for test, took in self._recorder.seconds.items():
            made[test.partition("::")[0]]["seconds"][test] = took
        for file in data.measured_files():
            path = str(Path(file).relative_to(self._root))
            for line, tests in data.contexts_by_lineno(file).items():
                by_file: dict[str, list[str]] = defaultdict(list)
                for test in filter(None, tests):
                    by_file[test.partition("::")[0]].append(test)
                for name, own in by_file.items():
                    made[name]["lines"].setdefault(path, {})[str(line)] = own
        self._output.write_text(json.dumps(made))
