"""As many copies of the project as there are processors, and a trial on each at a time."""

import json
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from multiprocessing import Pipe
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from bench.mutants.changes import Change
from bench.mutants.reasons import Reasons
from bench.mutants.recorded import Recorded, Recording, Tests, is_near, keys, test_files
from bench.mutants.recorder import Chosen
from bench.mutants.session import Job, Serving, Session
from bench.mutants.trees import changed, copy
from bench.mutants.trial import FAILED, NO_TESTS, PASSED, output, start, without_bytecode

Result = TypeVar("Result")


class Waited(Protocol):
    """What runs by itself."""

    def code(self) -> int | None:
        """Its exit code, once it is there."""

    def stop(self) -> None: ...


# What one processor does: it waits for each trial, whose exit code it is sent, and has a result.
Work = Generator[Waited, int, Result]

# Tests may take so many times the processor's seconds that were recorded, and so many more.
_PATIENCE, _START = 3, 30
_SHARES = 2  # for each processor, since some last longer than others
_POLL = 0.02  # seconds


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of `change`: the exit code of the tests that run it, `PASSED` where it survived them."""

    change: Change
    code: int

    @property
    def survived(self) -> bool:
        return self.code == PASSED


class Laboratory:
    """The copies of the project at `root`, below `directory`."""

    def __init__(self, root: Path, directory: Path, workers: int) -> None:
        self._root = root
        self._trees = [directory / str(number) for number in range(workers)]
        for tree in self._trees:
            copy(root, tree)
        self._sessions: dict[Path, Session] = {}

    def record(self, kept: Path) -> Tests:
        """Which test runs which line: as the file `kept` says, and for what has changed since, as it is now.

        A test that fails though nothing is changed is left out. Raises `RuntimeError` where they do not even run.
        """
        known: dict[str, Recorded] = json.loads(kept.read_text()) if kept.exists() else {}
        now = keys(self._root)
        known = {name: recorded for name, recorded in known.items() if now.get(name) == recorded["key"]}
        missing = sorted(now.keys() - known.keys())
        count = _SHARES * len(self._trees)
        shares = [missing[number::count] for number in range(count)]
        jobs = [partial(self._record, share=share) for share in shares if share]
        for made in self._each(jobs):
            known |= {name: {**recorded, "key": now[name]} for name, recorded in made.items()}
        kept.write_text(json.dumps(known))
        return Tests(known)

    def run(
        self, tried: Iterable[Change], tests: Tests, given: Reasons, tell: Callable[[Outcome], None]
    ) -> list[Outcome]:
        """The outcome of each change; `tell` hears of it at once. What may survive for one of the reasons `given`
        is held against the tests of its own package alone.

        Raises `RuntimeError` where tests that passed when they were recorded fail in a fork though nothing is
        changed.
        """
        outcomes = []
        seconds = {change: tests.of(change, near=given.of(change) is not None) for change in tried}
        within = [change for change in seconds if not tests.is_imported(change)]
        at_import = [change for change in seconds if tests.is_imported(change)]
        jobs = [partial(self._try, change=change, seconds=seconds[change]) for change in within]
        list(self._each(partial(self._open, seconds=tests.quickest()) for _ in self._trees))
        without_bytecode()
        later = [partial(self._try_anew, change=change, seconds=seconds[change]) for change in at_import]
        for outcome in self._each([*jobs, *later]):
            tell(outcome)
            outcomes.append(outcome)
        return outcomes

    def close(self) -> None:
        """Ends what still runs."""
        for session in self._sessions.values():
            session.stop()

    def _open(self, tree: Path, seconds: Mapping[str, float]) -> Work[None]:
        """Opens the session of `tree`, and sees that tests pass in it."""
        mine, theirs = Pipe()
        session = Session(mine, start(tree, test_files(tree), Serving(tree, theirs, mine)))
        self._sessions[tree] = session
        yield session
        code = yield session.begin(Job("", "", _in_files(list(seconds), seconds), _most(seconds)))
        if code != PASSED:
            raise RuntimeError(f"Tests fail in a fork though nothing is changed:\n{_printed(tree)}")

    def _try(self, tree: Path, change: Change, seconds: Mapping[str, float]) -> Work[Outcome]:
        file = tree / change.path
        near = [test for test in seconds if is_near(test, change)]
        far = [test for test in seconds if not is_near(test, change)]
        order = [*_in_files(near, seconds), *_in_files(far, seconds)]
        with changed(file, change.applied(file.read_bytes())):
            places = {test: place for place, test in enumerate(order)}
            code = yield self._sessions[tree].begin(Job(change.path, change.function, places, _most(seconds)))
        return Outcome(change, PASSED if code == NO_TESTS else code)

    def _record(self, tree: Path, share: list[str]) -> Work[Mapping[str, Recorded]]:
        written = tree.with_suffix(".json")
        code = yield start(tree, share, Recording(tree, share, written))
        if code not in (PASSED, FAILED, NO_TESTS):
            raise RuntimeError(f"The tests do not run though nothing is changed:\n{_printed(tree)}")
        made: Mapping[str, Recorded] = json.loads(written.read_text())
        return made

    def _try_anew(self, tree: Path, change: Change, seconds: Mapping[str, float]) -> Work[Outcome]:
        file = tree / change.path
        with changed(file, change.applied(file.read_bytes())):
            for near in (True, False):
                chosen = {test: took for test, took in seconds.items() if is_near(test, change) is near}
                if chosen:
                    files = list(dict.fromkeys(test.partition("::")[0] for test in chosen))
                    code = yield start(tree, files, Chosen(_in_files(list(chosen), chosen)), _most(chosen))
                    if code not in (PASSED, NO_TESTS):
                        return Outcome(change, code)
        return Outcome(change, PASSED)

    def _each(self, jobs: Iterable[Callable[[Path], Work[Result]]]) -> Iterator[Result]:
        """The results of the jobs as they come, one job on each copy at a time."""
        waiting, free = iter(jobs), list(self._trees)
        running: dict[Path, _Running[Result]] = {}
        try:
            while True:
                while free and (job := next(waiting, None)):
                    tree = free.pop()
                    running[tree] = _Running(job(tree))
                if not running:
                    return
                for tree, each in list(running.items()):
                    if each.is_done():
                        del running[tree]
                        free.append(tree)
                        yield each.result
                time.sleep(_POLL)
        finally:
            for each in running.values():
                each.stop()


class _Running(Generic[Result]):
    """Work that has begun: the trial that it waits for, and in the end its result."""

    result: Result

    def __init__(self, work: Work[Result]) -> None:
        self._work = work
        self._trial: Waited | None = None

    def is_done(self) -> bool:
        """Whether the work is over; it goes on where its trial is."""
        code = None
        if self._trial is not None and (code := self._trial.code()) is None:
            return False
        try:
            self._trial = self._work.send(code)  # type: ignore[arg-type]  # None begins it
        except StopIteration as done:
            self._trial, self.result = None, done.value
            return True
        return False

    def stop(self) -> None:
        """Ends its trial, and puts back what was changed for it."""
        if self._trial is not None:
            self._trial.stop()
        self._work.close()


def _most(seconds: Mapping[str, float]) -> int:
    return _START + int(_PATIENCE * sum(seconds.values()))


def _printed(tree: Path) -> str:
    return output(tree).read_text()[-4000:]


def _in_files(order: list[str], seconds: Mapping[str, float]) -> dict[str, int]:
    """The place of each test: file by file, since what a file sets up is set up once; the quickest file first."""
    files: dict[str, list[str]] = {}
    for test in order:
        files.setdefault(test.partition("::")[0], []).append(test)

    by_file = sorted(files.values(), key=lambda tests: sum(seconds[test] for test in tests))
    return {test: place for place, test in enumerate(test for tests in by_file for test in tests)}
