"""All operations, all their calls, all faults: run side by side, for most of them wait."""

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from queue import Empty, SimpleQueue

from tests.faults.operations import OPERATIONS
from tests.faults.trial import Reference, Result, Trial, learn, run, trials
from tests.faults.world import World, builder, per_thread

WORLDS = 32
_BUCKET = 900  # of the revocation feed, in seconds


def try_everything(environment: Mapping[str, str]) -> tuple[dict[str, Reference], list[Result]]:
    """What each operation does when all is well, by its name; and what came of each trial.

    `environment` reaches the stack on ministack.
    """
    with per_thread():
        # Ahead of the real time, by which ministack deletes what has expired; and at the beginning of a bucket of
        # the feed, so that no trial comes to its end.
        build = builder(environment, (int(time.time()) // _BUCKET + 1) * _BUCKET + 60)
        world = build()
        world.warm()
        references = {operation.name: learn(world, operation) for operation in OPERATIONS}
        world.close()
        todo = _longest_first([trial for each in OPERATIONS for trial in trials(each, references[each.name])])
        with ThreadPoolExecutor(WORLDS) as threads:
            workers = [threads.submit(_work, build(), todo, references) for _ in range(WORLDS)]
            results = [result for worker in workers for result in worker.result()]
    return references, results


def _longest_first(all_trials: list[Trial]) -> "SimpleQueue[Trial]":
    todo: SimpleQueue[Trial] = SimpleQueue()
    for trial in sorted(all_trials, key=lambda trial: (trial.plan.fault.silent, trial.plan.lasting), reverse=True):
        todo.put(trial)
    return todo


def _work(world: World, todo: "SimpleQueue[Trial]", references: Mapping[str, Reference]) -> list[Result]:
    world.warm()
    results: list[Result] = []
    while True:
        try:
            trial = todo.get_nowait()
        except Empty:
            world.close()
            return results
        results.append(run(world, trial, references[trial.operation.name]))
