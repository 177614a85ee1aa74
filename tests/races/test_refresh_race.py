"""Many refreshes of one token at the same moment: all get its one successor, and one write takes."""

import multiprocessing
from collections.abc import Iterator, Mapping
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import replace
from functools import partial

import pytest

from app import app
from chalicelib.grants.refresh_token import SessionRotation
from chalicelib.model import Session, User
from chalicelib.services import Services
from chalicelib.stores.sessions import SessionStore
from infra.local.gateway import Gateway
from tests.races import contest
from tests.races.contest import CONTESTANTS, LOST_NOTHING, Round, at_once
from tests.races.process import PROCESSES, enter, refresh_in_threads
from tests.support.client import Client

pytestmark = pytest.mark.ministack

ROUNDS = 200
ROUNDS_OVER_PROCESSES = 30
ROUNDS_OVER_HTTP = 20


def rounds(
    services: Services, threads: Executor, refresh_token: str, sessions: SessionStore | None = None
) -> Iterator[Round]:
    """One race after another, each for the successor of the last, over `sessions` or those of `services`."""
    for _ in range(ROUNDS):
        came_out, refresh_token = contest.refresh_race(services, threads, refresh_token, sessions)
        yield came_out


def test_threads_that_refresh_one_token_all_get_its_one_successor(
    arena: Services, racer: User, threads: Executor
) -> None:
    token = contest.sign_in(arena, racer)
    for came_out in rounds(arena, threads, token):
        assert came_out == LOST_NOTHING
    assert contest.session_of(arena, token).generation == ROUNDS


def test_processes_that_refresh_one_token_all_get_its_one_successor(
    arena: Services, racer: User, ministack_environment: Mapping[str, str]
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
    arena: Services, racer: User, threads: Executor
) -> None:
    client = Client(Gateway(app))
    token = client.sign_in(racer.username).json["refresh_token"]
    for generation in range(1, ROUNDS_OVER_HTTP + 1):
        replies = at_once(threads, [partial(client.refresh, token)] * CONTESTANTS)
        assert {reply.status for reply in replies} == {200}
        (token,) = {reply.json["refresh_token"] for reply in replies}
        assert contest.session_of(arena, token).generation == generation


class ReadFirst(SessionStore):
    """How it is done wrong: the generation is read, compared, and written without a condition."""

    def __init__(self, sessions: SessionStore) -> None:
        self._sessions = sessions

    def rotate(self, rotation: SessionRotation) -> tuple[bool, Session | None]:
        token = rotation.token
        session = self._sessions.get(token.sub, token.session_id)
        if session is None or session.generation != token.generation:
            return False, session
        rotated = replace(session, generation=token.generation + 1, rotated_at=rotation.now)
        self._sessions.add(rotated)
        return True, rotated


def test_the_race_finds_a_store_that_reads_first_and_writes_then(
    arena: Services, racer: User, threads: Executor
) -> None:
    token = contest.sign_in(arena, racer)
    came_out = rounds(arena, threads, token, ReadFirst(arena.session_store))
    assert any(each.writes > 1 for each in came_out)
