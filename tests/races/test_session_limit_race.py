"""Right sign-ins of one user at the same moment, where sessions are limited: each is answered, and the limit holds
again with the next one."""

from concurrent.futures import Executor
from dataclasses import replace
from functools import partial

import pytest

from chalicelib.accounts.sessions import SessionLimits
from chalicelib.errors import TooManyRequestsError
from chalicelib.grants.token_endpoint import TokenEndpoint
from chalicelib.model import EndReason, TokenResponse
from chalicelib.services import Services
from chalicelib.stores.revocations import MAX_ENDED
from tests.conftest import new_user
from tests.races import contest
from tests.races.contest import CONTESTANTS, at_once, attempt
from tests.support.token_requests import by_password

pytestmark = pytest.mark.ministack

LIMIT = 3
ROUNDS = 8


@pytest.fixture
def endpoint(arena: Services) -> TokenEndpoint:
    """The arena's token endpoint, with a limit on sessions."""
    sessions = replace(arena.sessions, limits=SessionLimits(LIMIT, arena.settings.session_absolute_lifetime))
    return replace(arena.token_endpoint, grants={"password": replace(arena.password_grant, sessions=sessions)})


def living(services: Services, sub: str) -> int:
    return sum(session.ended_at is None for session in services.session_store.newest(sub))


def test_sign_ins_at_once_are_all_answered_and_the_next_one_restores_the_limit(
    arena: Services, endpoint: TokenEndpoint, threads: Executor
) -> None:
    for _ in range(ROUNDS):
        user = new_user(arena)
        sign_in = partial(endpoint, by_password(arena, user.username, contest.PASSWORD))
        answers = at_once(threads, [partial(attempt, sign_in)] * CONTESTANTS)
        assert [answer for answer in answers if not isinstance(answer, TokenResponse)] == []
        sign_in()
        assert living(arena, user.sub) == LIMIT
        ended = [session for session in arena.session_store.newest(user.sub) if session.ended_at]
        assert {session.reason for session in ended} == {EndReason.SESSION_LIMIT}
        assert len(ended) == CONTESTANTS + 1 - LIMIT


def test_who_signs_in_for_ever_is_sent_away_for_a_while_and_never_with_a_503(
    arena: Services, endpoint: TokenEndpoint, threads: Executor
) -> None:
    """Each sign-in ends an older session, and what one user ends within a minute is bounded."""
    user = new_user(arena)
    sign_in = partial(endpoint, by_password(arena, user.username, contest.PASSWORD))
    answers = [
        answer for _ in range(ROUNDS) for answer in at_once(threads, [partial(attempt, sign_in)] * CONTESTANTS)
    ]
    refused = [answer for answer in answers if not isinstance(answer, TokenResponse)]
    assert {type(answer) for answer in refused} == {TooManyRequestsError}
    assert len(answers) - len(refused) <= LIMIT + MAX_ENDED + CONTESTANTS
