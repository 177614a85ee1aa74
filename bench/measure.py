"""How much CPU time things take, as ratios: a machine's speed and its other work touch both sides alike.

Short runs of every subject take turns, in rounds; each round gives one ratio for each subject, and the median of
those is the figure. Nothing here is an absolute time.
"""

import gc
import os
import resource
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import repeat
from statistics import quantiles

Clock = Callable[[], int]  # nanoseconds of CPU time, of which only differences count

_MILLISECOND = 1_000_000
_MOST_CALLS = 100_000
_FEWEST_ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Ratio:
    """What a subject takes to what the base takes in the same round: the median, and the quartiles around it."""

    median: float
    quartiles: tuple[float, float]


def children() -> int:
    """The clock for subjects that run a process and wait for it: the CPU time of all that has ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return round((used.ru_utime + used.ru_stime) * 1e9)


def ratios(
    subjects: Mapping[str, Callable[[], object]],
    base: str,
    *,
    rounds: int = 100,
    run: float = 2.0,
    seconds: float = 30.0,
    clock: Clock = time.process_time_ns,
) -> dict[str, Ratio]:
    """The ratio of each subject to the one named `base`, which is 1.

    A run calls one subject as often as fits in `run` milliseconds, at least once. After `rounds` rounds, or after
    `seconds` by the wall once there were five, it is over. `clock` tells the CPU time: of this process with all
    of its threads, of this thread alone (`time.thread_time_ns`), of the processes it waited for (`children`).
    """
    taken: dict[str, list[float]] = {name: [] for name in subjects}
    with one_cpu(), no_collection():
        calls = {name: _calls(call, run, clock) for name, call in subjects.items()}
        names = list(subjects)
        end = time.monotonic() + seconds
        for turn in range(rounds):
            if turn >= _FEWEST_ROUNDS and time.monotonic() > end:
                break
            first = turn % len(names)
            for name in names[first:] + names[:first]:
                taken[name].append(_time(subjects[name], calls[name], clock) / calls[name])
            gc.collect()
    return {name: _ratio(times, taken[base]) for name, times in taken.items()}


@contextmanager
def one_cpu() -> Iterator[None]:
    """Stays on one CPU of those that this process may use, where the system can do that; children do too."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def no_collection() -> Iterator[None]:
    """Without the cyclic garbage collector, whose turn would come to one subject for what another has left."""
    was_enabled = gc.isenabled()
    gc.collect()
    gc.disable()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
        if was_enabled:
            gc.enable()


def _calls(call: Callable[[], object], run: float, clock: Clock) -> int:
    """How many calls fit in one run. Warms up what is called, too."""
    calls = 1
    while True:
        took = _time(call, calls, clock)
        if took >= run * _MILLISECOND / 2 or calls >= _MOST_CALLS:
            return max(1, min(round(calls * run * _MILLISECOND / max(took, 1)), _MOST_CALLS))
        calls *= 2


def _time(call: Callable[[], object], calls: int, clock: Clock) -> int:
    begin = clock()
    for _ in repeat(None, calls):
        call()
    return clock() - begin


def _ratio(times: list[float], base: list[float]) -> Ratio:
    lower, median, upper = quantiles(
        [time / of_base for time, of_base in zip(times, base, strict=True)], n=4, method="inclusive"
    )
    return Ratio(median, (lower, upper))
