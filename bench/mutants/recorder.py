"""Plugins of pytest: one records which test runs which line, one runs chosen tests alone, in their order."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import coverage
import pytest


@dataclass(eq=False)
class Recorder:
    """Switches `measured` to each test, with its fixtures; takes the processor's seconds, and which failed."""

    measured: coverage.Coverage
    seconds: dict[str, float] = field(default_factory=dict)
    failed: set[str] = field(default_factory=set)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self.measured.switch_context(item.nodeid)
        begin = time.process_time()
        yield
        self.seconds[item.nodeid] = time.process_time() - begin
        self.measured.switch_context("")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.failed.add(report.nodeid)


@dataclass(eq=False)
class Chosen:
    """Runs the tests that have a place in `order`, and no others, until one fails."""

    order: Mapping[str, int]

    def pytest_configure(self, config: pytest.Config) -> None:
        config.option.maxfail = 1

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = sorted(
            (item for item in items if item.nodeid in self.order), key=lambda item: self.order[item.nodeid]
        )
