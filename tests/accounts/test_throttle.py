"""When a counter of failures refuses, and for how long."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.accounts.throttle import Attempts, Counter, Limit, Limits, check, check_counted
from chalicelib.errors import TooManyRequestsError
from chalicelib.settings import Settings

NOW = 1_800_000_000
LIMITS = Limits(pair=Limit(10, 300), address=Limit(300, 300), username=Limit(100, 3600), hashing=Limit(300, 300))


def refused_for(attempts: Attempts, now: int = NOW) -> int:
    """The seconds to wait; 0: not refused."""
    try:
        check(attempts, LIMITS, now)
    except TooManyRequestsError as error:
        return error.retry_after
    return 0


def test_who_never_failed_may_try() -> None:
    assert refused_for(Attempts()) == 0


@pytest.mark.parametrize(("count", "wait"), [(9, 0), (10, 120), (11, 120), (400, 120)])
def test_a_username_from_an_address_is_refused_at_its_limit(count: int, wait: int) -> None:
    assert refused_for(Attempts(pair=Counter(count, NOW + 120))) == wait


@pytest.mark.parametrize(("count", "wait"), [(299, 0), (300, 120), (301, 120)])
def test_an_address_is_refused_at_its_limit(count: int, wait: int) -> None:
    assert refused_for(Attempts(address=Counter(count, NOW + 120))) == wait


@pytest.mark.parametrize(("later", "wait"), [(0, 120), (1, 119), (119, 1), (120, 0), (121, 0), (10_000, 0)])
def test_a_refusal_ends_with_its_window(later: int, wait: int) -> None:
    # The time to live deletes late: a counter that is over counts for nothing.
    assert refused_for(Attempts(pair=Counter(10, NOW + 120)), NOW + later) == wait


def test_the_longer_wait_is_told() -> None:
    short, long = Counter(300, NOW + 20), Counter(300, NOW + 200)
    assert refused_for(Attempts(pair=short, address=long)) == 200
    assert refused_for(Attempts(pair=long, address=short)) == 200


@pytest.mark.parametrize(("count", "ends_at", "wait"), [(10, 120, 0), (11, 120, 120), (11, 0, 1), (99, -5, 1)])
def test_a_request_past_the_limit_waits_for_the_window_s_end_and_a_second_at_least(
    count: int, ends_at: int, wait: int
) -> None:
    counter = Counter(count, NOW + ends_at)
    if wait == 0:
        check_counted(counter, LIMITS.pair, NOW)
        return
    with pytest.raises(TooManyRequestsError) as refused:
        check_counted(counter, LIMITS.pair, NOW)
    assert refused.value.retry_after == wait


counters = st.builds(Counter, st.integers(0, 1_000), st.integers(NOW - 1_000, NOW + 1_000))


@given(counters, counters)
def test_whoever_waits_as_told_is_let_in_and_not_a_second_sooner(pair: Counter, address: Counter) -> None:
    attempts = Attempts(pair, address)
    wait = refused_for(attempts)
    assert wait >= 0
    assert refused_for(attempts, NOW + wait) == 0
    assert wait == 0 or refused_for(attempts, NOW + wait - 1) == 1


def test_the_defaults_are_those_that_clients_can_count_on() -> None:
    given = Settings()
    assert (given.sign_in_failures, given.sign_in_failures_of_address) == (10, 300)
    assert given.sign_in_failures_window == 300
    assert (given.sign_in_failures_of_username, given.sign_in_failures_of_username_window) == (100, 3600)
