"""A session of pytest that has collected all tests and forks for each change.

In each fork the changed function has its new code, and the chosen tests run: neither the project nor a test is
imported again, so a trial costs what its tests cost. That is sound for what runs within functions only; what ran
when the modules were imported needs a process that imports them (`trial`).
"""

import functools
import gc
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from types import CodeType, FunctionType

import pytest
from werkzeug.serving import BaseWSGIServer

from bench.mutants.trial import FAILED, NO_TESTS, PASSED, Trial, forked, without_bytecode


@dataclass(frozen=True, slots=True)
class Job:
    """Tests to run, in the order of their places, with `function` of the module at `path` as its file has it."""

    path: str
    function: str
    order: Mapping[str, int]
    seconds: int


class Serving:
    """As a plugin of pytest: takes jobs from `connection` once all is collected, and answers with exit codes."""

    def __init__(self, tree: Path, connection: Connection, other_end: Connection) -> None:
        self._tree, self._connection, self._other_end = tree, connection, other_end
        self._functions: dict[tuple[str, str], list[FunctionType]] = {}
        self._caches: list[functools._lru_cache_wrapper[object]] = []
        self._servers: list[BaseWSGIServer] = []

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self._other_end.close()  # so that this process sees when the other one is gone
        without_bytecode()
        self._look_around()
        items = {item.nodeid: item for item in session.items}
        gc.freeze()
        self._connection.send(PASSED)
        while (job := self._connection.recv()) is not None:
            trial = forked(functools.partial(self._run, session, items, job), job.seconds)
            while (code := trial.code()) is None:
                time.sleep(0.005)
            self._connection.send(code)
        return True

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            print(report.nodeid, report.longreprtext, file=sys.__stdout__)

    def _look_around(self) -> None:
        """Finds what a fork has to change, and ends every thread but this: a fork has only the one that forks."""
        for each in gc.get_objects():
            if isinstance(each, FunctionType) and each.__code__.co_filename.startswith(str(self._tree)):
                name = each.__code__.co_filename, each.__code__.co_qualname
                self._functions.setdefault(name, []).append(each)
            elif isinstance(each, functools._lru_cache_wrapper):
                self._caches += [each] * str(getattr(each, "__module__", "")).startswith("chalicelib")
            elif isinstance(each, BaseWSGIServer):
                self._servers.append(each)
        for server in self._servers:
            server.server_close = lambda: None  # type: ignore[method-assign]  # each fork serves again on its socket
            server.shutdown()
        others = [thread for thread in threading.enumerate() if thread is not threading.current_thread()]
        for thread in others:
            thread.join(10)
            if thread.is_alive():
                raise RuntimeError(f"a thread that no fork would have: {thread}")

    def _run(self, session: pytest.Session, items: Mapping[str, pytest.Item], job: Job) -> int:
        for server in self._servers:
            threading.Thread(target=server.serve_forever, daemon=True).start()
        for cache in self._caches:
            cache.cache_clear()
        if job.path:
            self._change(job)
        chosen = [items[test] for test in sorted(job.order, key=job.order.__getitem__) if test in items]
        for item, following in zip(chosen, [*chosen[1:], None], strict=True):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if session.testsfailed:
                return FAILED
        return PASSED if chosen else NO_TESTS

    def _change(self, job: Job) -> None:
        file = str(self._tree / job.path)
        functions = self._functions[file, job.function]
        codes = {
            code.co_firstlineno: code
            for code in _codes(compile(Path(file).read_bytes(), file, "exec", dont_inherit=True))
            if code.co_qualname == job.function
        }
        for function in functions:
            function.__code__ = codes[function.__code__.co_firstlineno]


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


class Session:
    """The process of one `Serving`, as who waits for it sees it."""

    def __init__(self, connection: Connection, process: Trial) -> None:
        self._connection, self._process = connection, process

    def begin(self, job: Job) -> "Session":
        """Has `job` run; `code` gives the exit code."""
        self._connection.send(job)
        return self

    def code(self) -> int | None:
        """The exit code of what was begun, once it is there; of the session itself, that all is collected."""
        if self._connection.poll():
            answer: int = self._connection.recv()
            return answer
        if self._process.code() is not None:
            raise RuntimeError("The session has ended")
        return None

    def stop(self) -> None:
        """Ends it; a trial that runs ends by itself, in its time."""
        self._process.stop()
