"""The ratios, by a clock that the subjects move themselves; and what must be as before when it is over."""

import gc
import os
import subprocess
import sys
from collections.abc import Callable
from itertools import count

import pytest

from bench.measure import children, one_cpu, ratios


class Work:
    """A clock of CPU time, and calls that take some of it."""

    def __init__(self) -> None:
        self.now = 0
        self.calls = 0

    def __call__(self) -> int:
        return self.now

    def taking(self, *nanoseconds: int) -> Callable[[], None]:
        """A call that takes these by turns."""
        turns = count()

        def call() -> None:
            self.calls += 1
            self.now += nanoseconds[next(turns) % len(nanoseconds)]

        return call


def test_a_ratio_is_to_the_base() -> None:
    work = Work()
    measured = ratios({"base": work.taking(10_000), "triple": work.taking(30_000)}, "base", clock=work)
    assert measured["triple"].median == pytest.approx(3)
    assert measured["triple"].quartiles == pytest.approx((3, 3))
    assert measured["base"].median == 1


def test_what_is_slow_now_and_then_moves_no_median() -> None:
    work = Work()
    slow = [20_000] * 1000 + [900_000] * 100
    measured = ratios({"base": work.taking(10_000), "double": work.taking(*slow)}, "base", clock=work, rounds=40)
    assert measured["double"].median == pytest.approx(2, rel=0.01)


def test_a_call_that_takes_longer_than_a_run_is_called_once_in_it() -> None:
    work = Work()
    ratios({"base": work.taking(50_000_000)}, "base", clock=work, rounds=7, run=2)
    assert work.calls == 1 + 7  # one that warms up


def test_it_ends_in_time_but_never_before_five_rounds() -> None:
    work = Work()
    ratios({"base": work.taking(50_000_000)}, "base", clock=work, rounds=1000, seconds=0)
    assert work.calls == 1 + 5


def test_nothing_is_collected_meanwhile_and_all_is_as_before_afterwards() -> None:
    work = Work()
    seen: list[bool] = []
    call = work.taking(50_000_000)

    def subject() -> None:
        seen.append(gc.isenabled())
        call()

    assert gc.isenabled()
    frozen = gc.get_freeze_count()
    ratios({"base": subject}, "base", clock=work, rounds=5)
    assert not any(seen)
    assert gc.isenabled()
    assert gc.get_freeze_count() == frozen


@pytest.mark.parametrize("fails", [False, True])
def test_it_stays_on_one_cpu_and_gives_back_the_others(fails: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    used = [{0, 1, 5}]
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: used[-1], raising=False)
    monkeypatch.setattr(os, "sched_setaffinity", lambda _, cpus: used.append(cpus), raising=False)
    try:
        with one_cpu():
            assert used[-1] == {5}
            if fails:
                raise KeyError
    except KeyError:
        assert fails
    assert used[-1] == {0, 1, 5}


def test_where_no_cpu_can_be_chosen_it_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_setaffinity", raising=False)
    with one_cpu():
        pass


def test_the_clock_of_children_counts_a_child_that_has_ended() -> None:
    before = children()
    work = "import time; sum(range(3_000_000)); print(time.process_time_ns())"
    ran = subprocess.run([sys.executable, "-c", work], check=True, capture_output=True, text=True)
    assert children() - before >= int(ran.stdout) * 0.9  # it is rounded
