"""The revocation feed as one container holds it: pulled now and then, nothing lost, shut when it goes blind."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.errors import StoreUnavailableError
from chalicelib.tokens.revocations import OVERLAP, Feed, Kind, Revocation, Revocations

NOW = 1_800_000_000
INTERVAL, TOLERANCE, LIFETIME = 5, 60, 900


@dataclass
class Table:
    """The feed's table, with a note of every pull."""

    rows: list[Revocation] = field(default_factory=list)
    pulls: list[int] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    reachable: bool = True

    def since(self, start: int, now: int) -> Iterator[Revocation]:
        self.pulls.append(now)
        self.starts.append(start)
        for row in self.rows:
            if row.at >= start:
                yield row
        if not self.reachable:  # in the midst of it
            raise StoreUnavailableError

    def end(self, session_id: str, at: int) -> None:
        self.rows.append(Revocation(Kind.SESSION, session_id, at))


@dataclass(frozen=True)
class Token:
    """What an access token says that can be revoked."""

    sub: str = "sub"
    sid: str | None = "sid"
    jti: str = "jti"
    kid: str = "kid"
    session_epoch: int | None = 0


@pytest.fixture
def table() -> Table:
    return Table()


@pytest.fixture
def feed(table: Table) -> Feed:
    return new_feed(table)


def new_feed(table: Table) -> Feed:
    return Feed(table, INTERVAL, TOLERANCE, LIFETIME)


def ended(feed: Feed, now: int) -> set[str]:
    """The sessions that the feed names at `now`."""
    return {entry.subject for entry in feed.current(now).entries}


# --- What an entry ends


@pytest.mark.parametrize(("kind", "subject"), [(Kind.SESSION, "sid"), (Kind.TOKEN, "jti"), (Kind.KEY, "kid")])
def test_an_entry_ends_what_it_names_and_nothing_else(kind: Kind, subject: str) -> None:
    revocations = Revocations([Revocation(kind, subject, NOW)])
    assert revocations.revokes(Token())
    assert not revocations.revokes(Token(sid="other", jti="other", kid="other"))
    # An id of one kind says nothing about another kind.
    others = {"sub", "sid", "jti", "kid"} - {subject}
    assert not any(Revocations([Revocation(kind, other, NOW)]).revokes(Token()) for other in others)


def test_no_entry_ends_nothing() -> None:
    assert not Revocations().revokes(Token())


def test_a_token_without_a_session_is_ended_by_its_own_id() -> None:
    token = Token(sid=None, session_epoch=None)
    assert Revocations([Revocation(Kind.TOKEN, "jti", NOW)]).revokes(token)
    assert not Revocations([Revocation(Kind.SESSION, "None", NOW)]).revokes(token)


@pytest.mark.parametrize(("epoch", "ends"), [(None, True), (0, True), (1, True), (2, False), (3, False)])
def test_a_users_entry_ends_what_is_older_than_its_epoch(epoch: int | None, ends: bool) -> None:
    revocations = Revocations([Revocation(Kind.USER, "sub", NOW, epoch=2)])
    assert revocations.revokes(Token(session_epoch=epoch)) is ends
    assert not revocations.revokes(Token(sub="other", session_epoch=epoch))


def test_a_users_entry_spares_the_session_that_it_keeps() -> None:
    revocations = Revocations([Revocation(Kind.USER, "sub", NOW, epoch=1, kept="sid")])
    assert not revocations.revokes(Token())
    assert revocations.revokes(Token(sid="other"))
    assert revocations.revokes(Token(sid=None))


def test_without_a_kept_session_a_token_without_one_is_not_spared() -> None:
    assert Revocations([Revocation(Kind.USER, "sub", NOW, epoch=1)]).revokes(Token(sid=None))


def test_a_later_entry_ends_the_session_that_an_earlier_one_kept() -> None:
    first = Revocation(Kind.USER, "sub", NOW, epoch=1, kept="sid")
    second = Revocation(Kind.USER, "sub", NOW, epoch=2, kept="other")
    assert Revocations([first, second]).revokes(Token(session_epoch=0))
    assert Revocations([first, second]).revokes(Token(session_epoch=1))
    assert not Revocations([first, second]).revokes(Token(sid="other", session_epoch=1))


# --- When it pulls


def test_no_request_costs_a_pull_of_its_own(feed: Feed, table: Table) -> None:
    for now in (NOW, NOW, NOW + 1, NOW + INTERVAL - 1):
        feed.current(now)
    assert table.pulls == [NOW]


def test_it_pulls_once_in_each_interval(feed: Feed, table: Table) -> None:
    for now in range(NOW, NOW + 3 * INTERVAL):
        feed.current(now)
    assert table.pulls == [NOW, NOW + INTERVAL, NOW + 2 * INTERVAL]


def test_what_ends_is_known_within_the_interval(feed: Feed, table: Table) -> None:
    feed.current(NOW)
    table.end("a", NOW + 1)
    assert ended(feed, NOW + INTERVAL - 1) == set()
    assert ended(feed, NOW + INTERVAL) == {"a"}


def test_hurry_lets_the_next_request_pull_and_only_that(feed: Feed, table: Table) -> None:
    feed.current(NOW)
    table.end("a", NOW)
    feed.invalidate()
    assert ended(feed, NOW) == {"a"}
    feed.current(NOW)
    assert table.pulls == [NOW, NOW]


def test_a_clock_that_is_set_back_does_not_stop_it(feed: Feed, table: Table) -> None:
    feed.current(NOW)
    table.end("a", NOW - 600)
    assert ended(feed, NOW - 600) == {"a"}


def test_a_new_container_loads_one_lifetime(feed: Feed, table: Table) -> None:
    table.end("just now", NOW)
    table.end("a lifetime ago", NOW - LIFETIME)
    table.end("long ago", NOW - LIFETIME - OVERLAP - 1)
    assert ended(feed, NOW) == {"just now", "a lifetime ago"}


# --- Nothing is lost


def test_a_row_with_an_earlier_time_that_is_written_after_a_pull_is_seen(feed: Feed, table: Table) -> None:
    table.end("seen", NOW)
    feed.current(NOW)
    table.end("late", NOW - OVERLAP)
    assert ended(feed, NOW + INTERVAL) == {"seen", "late"}


def test_so_it_is_after_a_quiet_time(feed: Feed, table: Table) -> None:
    table.end("seen", NOW)
    feed.current(NOW)
    feed.current(NOW + 600)
    table.end("late", NOW + 600 - OVERLAP)
    assert ended(feed, NOW + 600 + INTERVAL) == {"seen", "late"}


def test_so_it_is_after_pulls_that_failed(feed: Feed, table: Table) -> None:
    feed.current(NOW)
    table.reachable = False
    for now in range(NOW + INTERVAL, NOW + TOLERANCE, INTERVAL):
        feed.current(now)
    table.end("late", NOW - OVERLAP)
    table.reachable = True
    assert ended(feed, NOW + TOLERANCE) == {"late"}


@pytest.mark.parametrize("ahead", [1, OVERLAP, 600, 86_400])
def test_a_writer_whose_clock_is_ahead_hides_nobody_elses_rows(feed: Feed, table: Table, ahead: int) -> None:
    table.end("ahead", NOW + ahead)
    feed.current(NOW)
    table.end("right", NOW + 1)
    table.end("late", NOW - OVERLAP)
    assert ended(feed, NOW + INTERVAL) == {"ahead", "right", "late"}


def test_what_was_seen_once_stays_when_a_later_pull_does_not_return_it(feed: Feed, table: Table) -> None:
    table.end("a", NOW)
    feed.current(NOW)
    table.rows.clear()
    table.end("b", NOW + 1)
    assert ended(feed, NOW + INTERVAL) == {"a", "b"}


def test_a_failed_pull_loses_nothing(feed: Feed, table: Table) -> None:
    table.end("a", NOW)
    feed.current(NOW)
    table.reachable = False
    assert ended(feed, NOW + INTERVAL) == {"a"}


def test_an_entry_is_forgotten_once_no_token_can_be_meant(feed: Feed, table: Table) -> None:
    table.end("a", NOW)
    assert ended(feed, NOW) == {"a"}
    assert ended(feed, NOW + LIFETIME) == {"a"}
    # The row is still there: the time to live deletes late.
    assert ended(feed, NOW + LIFETIME + OVERLAP + 1) == set()


def test_no_pull_goes_back_further_than_one_lifetime(feed: Feed, table: Table) -> None:
    table.end("a", NOW)
    feed.current(NOW)
    feed.current(NOW + 7_200)
    assert NOW + 7_200 - table.starts[-1] <= LIFETIME + OVERLAP


@dataclass(frozen=True)
class Write:
    """A row that is committed at `committed`, by a clock that is `skew` off, seconds from the beginning."""

    committed: int
    skew: int


writes = st.lists(st.builds(Write, st.integers(0, 300), st.integers(-OVERLAP, OVERLAP)), max_size=12)
requests = st.lists(st.integers(0, 300), min_size=1, max_size=30)


@given(writes, requests)
def test_every_row_is_known_one_interval_after_its_commit(writes: list[Write], requests: list[int]) -> None:
    table = Table()
    feed = new_feed(table)
    for second in sorted(requests):
        table.rows = [
            Revocation(Kind.SESSION, str(number), NOW + write.committed + write.skew)
            for number, write in enumerate(writes)
            if write.committed <= second
        ]
        due = {str(number) for number, write in enumerate(writes) if write.committed <= second - INTERVAL}
        assert due <= ended(feed, NOW + second)


# --- When it cannot be read


def test_a_feed_that_was_never_read_says_so(feed: Feed, table: Table) -> None:
    table.reachable = False
    with pytest.raises(StoreUnavailableError) as error:
        feed.current(NOW)
    assert error.value.retry_after == INTERVAL


def test_it_goes_on_with_what_it_has_for_the_tolerance_and_no_longer(feed: Feed, table: Table) -> None:
    table.end("a", NOW)
    feed.current(NOW)
    table.reachable = False
    assert ended(feed, NOW + INTERVAL + TOLERANCE) == {"a"}
    for later in (1, 2, 3_600):
        with pytest.raises(StoreUnavailableError):
            feed.current(NOW + INTERVAL + TOLERANCE + later)


def test_failed_tries_do_not_prolong_the_tolerance(feed: Feed, table: Table) -> None:
    feed.current(NOW)
    table.reachable = False
    for now in range(NOW, NOW + INTERVAL + TOLERANCE + 1):
        feed.current(now)
    with pytest.raises(StoreUnavailableError):
        feed.current(NOW + INTERVAL + TOLERANCE + 1)


def test_while_it_fails_it_tries_once_in_each_interval(feed: Feed, table: Table) -> None:
    table.reachable = False
    for now in range(NOW, NOW + 3 * INTERVAL):
        with pytest.raises(StoreUnavailableError):
            feed.current(now)
    assert table.pulls == [NOW, NOW + INTERVAL, NOW + 2 * INTERVAL]


def test_it_recovers_with_the_next_pull(feed: Feed, table: Table) -> None:
    feed.current(NOW)
    table.reachable = False
    with pytest.raises(StoreUnavailableError):
        feed.current(NOW + 600)
    table.reachable = True
    table.end("meanwhile", NOW + 300)
    assert ended(feed, NOW + 600 + INTERVAL) == {"meanwhile"}


def test_a_hurried_pull_that_fails_leaves_the_last_good_one(feed: Feed, table: Table) -> None:
    feed.current(NOW)
    table.reachable = False
    feed.invalidate()
    assert ended(feed, NOW) == set()
