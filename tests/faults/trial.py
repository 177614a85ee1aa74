"""One operation, one call of it, one fault: what came of it, and whether any promise was broken."""

import json
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from chalicelib.errors import InvalidTokenError
from tests.faults.operations import Done, Operation
from tests.faults.proxy import FAULTS, REFUSED, SILENT, SLOWLY, Plan
from tests.faults.world import ATTEMPTS, Signed, Tables, World, effect
from tests.support.client import bearer

CONFIG = json.loads((Path(__file__).parents[2] / ".chalice/config.json").read_text())
TIME_LIMIT: int = CONFIG["lambda_timeout"]

EVERY_CALL = 0
# Refused from there on; and slow within the time limit, which asks for no second try.
ONE_WAY = (REFUSED, SLOWLY)
ARN = "arn:aws:execute-api:us-east-1:123456789012:abcdef1234/api/GET/me"


@dataclass(frozen=True)
class Reference:
    """What an operation does when nothing goes wrong."""

    status: str
    calls: tuple[str, ...]
    effect: Counter[str]


@dataclass(frozen=True)
class Outcome:
    """`written`: nothing, part, all or more than the whole effect; `again`: the same request after the fault."""

    status: str
    written: str
    again: str


@dataclass(frozen=True)
class Trial:
    """One row of what was tried."""

    operation: Operation
    plan: Plan

    @property
    def name(self) -> str:
        lasting = "for good" if self.plan.lasting else "once"
        return f"{self.operation.name}, call {self.plan.number}: {self.plan.fault.name} {lasting}"


@dataclass(frozen=True)
class Result:
    """What came of a trial; `broken` are the promises that were."""

    trial: Trial
    outcome: Outcome
    seconds: float
    broken: tuple[str, ...]


def trials(operation: Operation, reference: Reference) -> list[Trial]:
    """Every fault at every call, once and for good; and all calls slow, or all without an answer."""
    plans = [
        Plan(fault, number, lasting)
        for number in range(1, len(reference.calls) + 1)
        for fault in FAULTS
        for lasting in ((True,) if fault in ONE_WAY else (False, True))
    ]
    plans += [Plan(fault, EVERY_CALL, lasting=True) for fault in (SILENT, SLOWLY)]
    return [Trial(operation, plan) for plan in plans]


def due(world: World) -> None:
    """Lets the container's feed and ring be too old."""
    world.container.feed._tried_at = None
    world.container.keys._tried_at = 0


def learn(world: World, operation: Operation) -> Reference:
    signed = operation.prepare(world)
    before = world.tables()
    due(world)
    with world.serving(operation.services(world)), world.spoilt(None):
        done = operation.perform(world, signed)
        calls = tuple(world.proxy.calls)
    return Reference(done.status, calls, _effect(operation, before, world.tables()))


def _effect(operation: Operation, before: Tables, after: Tables) -> Counter[str]:
    """What was written. A request that is counted before it is looked at stays counted, whatever becomes of it."""
    whole = effect(before, after)
    counted = operation.counted
    return Counter({what: times for what, times in whole.items() if not (counted and what.startswith(ATTEMPTS))})


def run(world: World, trial: Trial, reference: Reference) -> Result:
    """Runs `trial` in a world that has been warmed."""
    operation, plan = trial.operation, trial.plan
    signed = operation.prepare(world)
    before, services = world.tables(), operation.services(world)
    due(world)
    with world.serving(services):
        with world.spoilt(plan):
            began = time.monotonic()
            done = operation.perform(world, signed)
            seconds = time.monotonic() - began
            gate = _let_in(world, signed)
        first = _effect(operation, before, world.tables())
        again, lost = _asked_again(world, operation, signed, done, done_before=first == reference.effect)
    broken = [
        *([] if gate else ["the gate did not let a good token in"]),
        *([] if seconds < TIME_LIMIT or operation.by_hand else [f"took {seconds:.1f} s"]),
        *_judged(operation, reference, done, first),
        *lost,
    ]
    outcome = Outcome(done.status, _extent(first, reference.effect), again.status)
    return Result(trial, outcome, seconds, tuple(broken))


def _asked_again(
    world: World, operation: Operation, signed: Signed, done: Done, *, done_before: bool
) -> tuple[Done, list[str]]:
    """What the same request comes to once the fault is gone, and what is lost. Nobody repeats what was done."""
    if not done.unavailable:
        return done, []
    if done.reply is not None:
        world.clock.advance(int(done.reply.headers["retry-after"]))
    again = operation.perform(world, signed)
    with world.serving():
        return again, _lost(world, operation, signed, again, done_before)


def _extent(made: Counter[str], whole: Counter[str]) -> str:
    if not made:
        return "nothing"
    if made == whole:
        return "all"
    return "part" if made < whole else "more"


def _judged(operation: Operation, reference: Reference, done: Done, made: Counter[str]) -> list[str]:
    extent = _extent(made, reference.effect)
    if done.status == reference.status:
        complete = (
            extent == "all"
            or (operation.twice and extent == "more")
            or (not reference.effect and extent == "nothing")
        )
        return [] if complete else [f"{done.status}, but wrote {dict(made)} instead of {dict(reference.effect)}"]
    if not done.unavailable:
        return [f"answered {done.status}"]
    whole = extent in ("nothing", "all") or not operation.whole or (operation.twice and extent == "more")
    return [] if whole else [f"half written: {dict(made)}"]


def _let_in(world: World, signed: Signed) -> bool:
    """Whether the gate decides for a token that is good, and against one that is not, with AWS as it is."""
    policy = world.gate.decide(bearer(signed.access_token)["Authorization"], ARN)
    head, _, signature = signed.access_token.rpartition(".")
    try:
        world.gate.decide(bearer(f"{head}.{signature[::-1]}")["Authorization"], ARN)
    except InvalidTokenError:
        return bool(policy["principalId"])
    return False


def _lost(world: World, operation: Operation, signed: Signed, again: Done, done_before: bool) -> list[str]:
    """What a client finds when all is well again and it has asked a second time."""
    if operation.reads or again.unavailable:
        return ["still unavailable"] if again.unavailable else []
    newest = signed.refresh_token
    if again.reply is not None and "refresh" in operation.name and again.reply.status == 200:
        newest = again.reply.json["refresh_token"]
    tokens = (newest, signed.other_refresh_token)
    living = tuple(world.client.refresh(token).status == 200 for token in tokens)
    expected = operation.living_after_two if done_before and operation.living_after_two else operation.living
    return [] if living == expected else [f"lives: {living}, and should: {expected}"]
