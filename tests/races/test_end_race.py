"""Ends that meet refreshes and each other: a session ends once, and nothing that ended comes back."""

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import partial
from threading import Event

import pytest

from chalicelib.errors import InvalidGrantError, StoreUnavailableError
from chalicelib.grants.refresh_token import RefreshTokenGrant
from chalicelib.model import EndReason, User
from chalicelib.services import Services
from chalicelib.telemetry.events import EventName
from tests.races import contest
from tests.races.contest import CONTESTANTS, Recorded, at_once, attempt
from tests.support.recorder import Recorder

pytestmark = pytest.mark.ministack

ROUNDS = 10


@dataclass(frozen=True)
class Theft:
    """A session that has been refreshed twice, and a grant that tells which ends took."""

    oldest: str
    newest: str
    recorded: Recorded
    noted: Recorder
    grant: RefreshTokenGrant


def theft(services: Services, user: User) -> Theft:
    oldest = contest.sign_in(services, user)
    newest = contest.refresh(services, contest.refresh(services, oldest))
    recorded, noted = Recorded(services.session_store), Recorder()
    return Theft(
        oldest,
        newest,
        recorded,
        noted,
        replace(services.refresh_token_grant, sessions=recorded, ends=recorded, events=noted),
    )


def test_an_old_token_from_many_threads_ends_the_session_once(
    arena: Services, racer: User, threads: Executor
) -> None:
    for _ in range(ROUNDS):
        stolen = theft(arena, racer)
        reuse = partial(contest.refresh, arena, stolen.oldest, stolen.grant)
        answers = at_once(threads, [partial(attempt, reuse)] * CONTESTANTS)
        assert {type(answer) for answer in answers} == {InvalidGrantError}
        assert stolen.recorded.ends == [EndReason.REUSE]
        assert len(stolen.noted.named(EventName.REFRESH_TOKEN_REUSED)) == 1
        assert contest.session_of(arena, stolen.newest).reason == EndReason.REUSE
        with pytest.raises(InvalidGrantError):
            contest.refresh(arena, stolen.newest)


def test_an_old_token_among_refreshes_ends_the_session_for_all(
    arena: Services, racer: User, threads: Executor
) -> None:
    for _ in range(ROUNDS):
        stolen = theft(arena, racer)
        holder = partial(attempt, partial(contest.refresh, arena, stolen.newest, stolen.grant))
        thief = partial(attempt, partial(contest.refresh, arena, stolen.oldest, stolen.grant))
        answers = at_once(threads, [holder, thief] * (CONTESTANTS // 2))
        assert {type(answer) for answer in answers[1::2]} == {InvalidGrantError}
        assert stolen.recorded.ends == [EndReason.REUSE]
        successors = {answer for answer in answers[::2] if isinstance(answer, str)}
        for token in (stolen.newest, *successors):
            with pytest.raises(InvalidGrantError):
                contest.refresh(arena, token)


def test_many_logouts_at_once_end_the_session_once(arena: Services, racer: User, threads: Executor) -> None:
    for _ in range(ROUNDS):
        token = contest.sign_in(arena, racer)
        assert sum(at_once(threads, [partial(contest.end, arena, token, EndReason.LOGOUT)] * CONTESTANTS)) == 1


def test_each_of_many_logouts_everywhere_raises_the_epoch_by_one_or_says_to_try_again(
    arena: Services, racer: User, threads: Executor
) -> None:
    everywhere = partial(arena.sessions.end_all, racer.sub, EndReason.LOGOUT_ALL, arena.now())
    answers = at_once(threads, [partial(attempt, everywhere)] * CONTESTANTS)
    assert {type(answer) for answer in answers} <= {type(None), StoreUnavailableError}
    changed = arena.users.by_username(racer.username)
    assert changed is not None
    assert changed.session_epoch == answers.count(None) > 0


def log_out(services: Services, user: User, token: str) -> None:
    assert contest.end(services, token, EndReason.LOGOUT)


def log_out_everywhere(services: Services, user: User, token: str) -> None:
    services.sessions.end_all(user.sub, EndReason.LOGOUT_ALL, services.now())


@pytest.mark.parametrize("end", [log_out, log_out_everywhere])
@pytest.mark.parametrize("holders", [1, CONTESTANTS - 1])
def test_no_refresh_succeeds_that_began_after_the_end(
    arena: Services, racer: User, threads: Executor, end: Callable[[Services, User, str], None], holders: int
) -> None:
    for _ in range(ROUNDS):
        token = contest.sign_in(arena, racer)
        ended = Event()

        def ending(token: str = token, ended: Event = ended) -> int:
            try:
                end(arena, racer, token)
            finally:
                ended.set()
            return 0

        # One alone goes on with each successor; many would take each other for thieves and keep to one token.
        refreshing = partial(refresh_until_refused, arena, token, ended, follows=holders == 1)
        acts: list[Callable[[], int]] = [ending, *([refreshing] * holders)]
        successes = at_once(threads, acts)
        succeeded = max(successes) if holders == 1 else min(1, max(successes))
        # The end may have come between the write of a refresh and its read of the user.
        assert contest.session_of(arena, token).generation in (succeeded, succeeded + 1)
        with pytest.raises(InvalidGrantError):
            contest.refresh(arena, token)


def refresh_until_refused(services: Services, token: str, ended: Event, *, follows: bool) -> int:
    """How many refreshes succeeded. None may that begins after the end."""
    successes = 0
    while True:
        late = ended.is_set()
        try:
            successor = contest.refresh(services, token)
        except InvalidGrantError:
            return successes
        assert not late
        successes += 1
        token = successor if follows else token
