"""Many refreshes of one session at the same moment: nobody is thrown out, and nothing that ended comes back."""

import multiprocessing
from collections.abc import Mapping
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from threading import Event

import pytest

from app import app
from chalicelib import runtime
from chalicelib.errors import InvalidGrantError
from chalicelib.grants.refresh_token import REUSE, Rotation
from chalicelib.model import Session, User
from chalicelib.runtime import Runtime
from chalicelib.stores.sessions import SessionStore
from infra.gateway import Gateway
from tests.client import Client
from tests.races import contest
from tests.races.contest import CONTESTANTS, LOST_NOTHING, Recorded, at_once, attempt
from tests.races.process import PROCESSES, enter, refresh_in_threads

pytestmark = pytest.mark.ministack

ROUNDS = 300
ROUNDS_OVER_PROCESSES = 50
ROUNDS_OVER_HTTP = 30
ROUNDS_TO_THE_END = 20


def test_threads_that_refresh_one_token_all_get_its_one_successor(
    arena: Runtime, racer: User, threads: Executor
) -> None:
    token = contest.sign_in(arena, racer)
    for _ in range(ROUNDS):
        came_out, token = contest.refresh_race(arena, threads, token)
        assert came_out == LOST_NOTHING
    assert contest.session_of(arena, token).generation == ROUNDS


def test_processes_that_refresh_one_token_all_get_its_one_successor(
    arena: Runtime, racer: User, ministack_environment: Mapping[str, str]
) -> None:
    token = contest.sign_in(arena, racer)
    spawn = multiprocessing.get_context("spawn")
    entry = (dict(ministack_environment), arena.now(), spawn.Barrier(PROCESSES))
    with ProcessPoolExecutor(PROCESSES, spawn, initializer=enter, initargs=entry) as processes:
        for generation in range(1, ROUNDS_OVER_PROCESSES + 1):
            rounds = [processes.submit(refresh_in_threads, token) for _ in range(PROCESSES)]
            answers = [answer for future in rounds for answer in future.result()]
            assert len(answers) == CONTESTANTS
            (token,) = set(answers)
            assert contest.session_of(arena, token).generation == generation


@pytest.mark.usefixtures("serving")
def test_requests_that_refresh_one_token_all_get_its_one_successor(
    arena: Runtime, racer: User, threads: Executor
) -> None:
    client = Client(Gateway(app))
    token = client.sign_in(racer.username).json["refresh_token"]
    for generation in range(1, ROUNDS_OVER_HTTP + 1):
        replies = at_once(threads, [lambda token=token: client.refresh(token)] * CONTESTANTS)
        assert {reply.status for reply in replies} == {200}
        (token,) = {reply.json["refresh_token"] for reply in replies}
        assert contest.session_of(arena, token).generation == generation


class ReadFirst(SessionStore):
    """How it is done wrong: the generation is read, compared, and written without a condition."""

    def __init__(self, sessions: SessionStore) -> None:
        self._sessions = sessions

    def rotate(self, rotation: Rotation) -> tuple[bool, Session | None]:
        token = rotation.token
        session = self._sessions.get(token.sub, token.session_id)
        if session is None or session.generation != token.generation:
            return False, session
        rotated = replace(session, generation=token.generation + 1, rotated_at=rotation.now)
        self._sessions.add(rotated)
        return True, rotated


def test_the_race_finds_a_store_that_reads_first_and_writes_then(
    arena: Runtime, racer: User, threads: Executor
) -> None:
    token = contest.sign_in(arena, racer)
    came_out = set()
    for _ in range(ROUNDS):
        came, token = contest.refresh_race(arena, threads, token, ReadFirst(arena.session_store))
        came_out.add(came)
        if came.writes > 1:
            break
    assert came_out - {LOST_NOTHING}


def test_an_old_token_from_many_threads_ends_the_session_once(
    arena: Runtime, racer: User, threads: Executor
) -> None:
    for _ in range(ROUNDS_TO_THE_END):
        oldest = contest.sign_in(arena, racer)
        newest = contest.refresh(arena, contest.refresh(arena, oldest))
        recorded = Recorded(arena.session_store)
        grant = replace(arena.refresh, sessions=recorded)
        reuse = partial(contest.refresh, arena, oldest, grant)
        answers = at_once(threads, [partial(attempt, reuse)] * CONTESTANTS)
        assert {type(answer) for answer in answers} == {InvalidGrantError}
        assert recorded.ends == [REUSE]
        assert contest.session_of(arena, newest).reason == REUSE
        with pytest.raises(InvalidGrantError):
            contest.refresh(arena, newest)


def test_an_old_token_among_refreshes_ends_the_session_for_all(
    arena: Runtime, racer: User, threads: Executor
) -> None:
    for _ in range(ROUNDS_TO_THE_END):
        oldest = contest.sign_in(arena, racer)
        newest = contest.refresh(arena, contest.refresh(arena, oldest))
        recorded = Recorded(arena.session_store)
        grant = replace(arena.refresh, sessions=recorded)
        holders = [partial(attempt, partial(contest.refresh, arena, newest, grant))] * (CONTESTANTS // 2)
        thieves = [partial(attempt, partial(contest.refresh, arena, oldest, grant))] * (CONTESTANTS // 2)
        answers = at_once(threads, holders + thieves)
        assert {type(answer) for answer in answers[len(holders) :]} == {InvalidGrantError}
        assert recorded.ends == [REUSE]
        successors = {answer for answer in answers if isinstance(answer, str)}
        for token in (newest, *successors):
            with pytest.raises(InvalidGrantError):
                contest.refresh(arena, token)


def test_many_logouts_at_once_end_the_session_once(arena: Runtime, racer: User, threads: Executor) -> None:
    for _ in range(ROUNDS_TO_THE_END):
        token = contest.sign_in(arena, racer)
        assert sum(at_once(threads, [partial(contest.end, arena, token, "logout")] * CONTESTANTS)) == 1


@pytest.mark.parametrize("follows", [False, True], ids=["all hold the same token", "one follows its successors"])
def test_no_refresh_succeeds_that_began_after_the_logout_returned(
    arena: Runtime, racer: User, threads: Executor, *, follows: bool
) -> None:
    for _ in range(ROUNDS_TO_THE_END):
        token = contest.sign_in(arena, racer)
        ended = Event()
        refreshing = [partial(_refresh_until_refused, arena, token, ended, follows=follows)]
        refreshed = at_once(
            threads,
            [partial(_log_out, arena, token, ended), *(refreshing * (1 if follows else CONTESTANTS - 1))],
        )
        session = contest.session_of(arena, token)
        assert session.reason == "logout"
        assert session.generation == (max(refreshed) if follows else min(1, max(refreshed)))


def _log_out(house: Runtime, token: str, ended: Event) -> int:
    try:
        assert contest.end(house, token, "logout")
    finally:
        ended.set()
    return 0


def _refresh_until_refused(house: Runtime, token: str, ended: Event, *, follows: bool) -> int:
    """How many refreshes succeeded. None that begins after the end may."""
    succeeded = 0
    while True:
        late = ended.is_set()
        try:
            successor = contest.refresh(house, token)
        except InvalidGrantError:
            return succeeded
        assert not late
        succeeded += 1
        token = successor if follows else token
