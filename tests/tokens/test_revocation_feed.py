"""The revocation feed as one container holds it: pulled now and then, nothing lost, shut when it goes blind."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.clocks import CLOCK_SKEW
from chalicelib.errors import StoreUnavailableError
from chalicelib.tokens.revocation_feed import READ_BACK, Feed, Page, Position
from chalicelib.tokens.revocations import WINDOW, Revocation
from tests.support import revocations

NOW = 1_800_000_000
INTERVAL, TOLERANCE, LIFETIME = 5, 60, 900


@dataclass
class Table:
    """The feed's table, with a note of every pull. `breaks_after` so many pages of one entry it fails."""

    rows: list[Revocation] = field(default_factory=list)
    pulls: list[int] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    positions: list[Position | None] = field(default_factory=list)
    breaks_after: int | None = None
    longest: int = LIFETIME

    @property
    def reachable(self) -> bool:
        return self.breaks_after is None

    @reachable.setter
    def reachable(self, reachable: bool) -> None:
        self.breaks_after = None if reachable else 0

    def read(self, start: int, now: int, position: Position | None) -> Iterator[Page]:
        self.pulls.append(now)
        self.starts.append(start)
        self.positions.append(position)
        rows = sorted((row for row in self.rows if row.window >= start // WINDOW * WINDOW), key=_place)
        rows = [row for row in rows if position is None or _place(row) > position.id]
        for number, row in enumerate(rows):
            if self.breaks_after is not None and number >= self.breaks_after:
                raise StoreUnavailableError
            yield Page([row], Position(0, 0, _place(row)))
        if self.breaks_after is not None and self.breaks_after >= len(rows) > 0:
            return
        if self.breaks_after is not None:
            raise StoreUnavailableError

    def end(self, session_id: str, at: int) -> None:
        self.rows.append(entry(session_id, at))


def _place(row: Revocation) -> str:
    return f"{row.window:010d} {row.subject}"


def entry(session_id: str, at: int) -> Revocation:
    """The end of a session by a clock that shows `at`, as the store writes it."""
    window = at // WINDOW * WINDOW
    return revocations.ended(
        f"of {session_id}", session_id, window=window, until=window + WINDOW + CLOCK_SKEW + LIFETIME
    )


@pytest.fixture
def table() -> Table:
    return Table()


@pytest.fixture
def feed(table: Table) -> Feed:
    return new_feed(table)


def new_feed(table: Table) -> Feed:
    return Feed(table, INTERVAL, TOLERANCE)


def ended(feed: Feed, now: int) -> set[str]:
    """The sessions that the feed names at `now`."""
    return set(feed.current(now)._ended)


# --- When it pulls


def test_no_request_costs_a_pull_of_its_own(feed: Feed, table: Table) -> None:
    for now in (NOW, NOW, NOW + 1, NOW + INTERVAL - 1):
        feed.current(now)
    assert table.pulls == [NOW]


def test_a_first_load_of_several_pages_is_one_pull(feed: Feed, table: Table) -> None:
    for number in range(3):
        table.end(f"{number}", NOW)
    for now in (NOW, NOW, NOW + INTERVAL - 1):
        assert len(ended(feed, now)) == 3
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


def test_what_this_container_ended_is_known_at_once_without_a_pull(feed: Feed, table: Table) -> None:
    feed.current(NOW)
    feed.note(entry("a", NOW))
    assert ended(feed, NOW) == {"a"}
    assert table.pulls == [NOW]


def test_a_clock_that_is_set_back_does_not_stop_it(feed: Feed, table: Table) -> None:
    feed.current(NOW)
    table.end("a", NOW - 600)
    assert ended(feed, NOW - 600) == {"a"}


def test_a_new_container_loads_one_lifetime(feed: Feed, table: Table) -> None:
    table.end("just now", NOW)
    table.end("a lifetime ago", NOW - LIFETIME)
    table.end("long ago", NOW - LIFETIME - READ_BACK - WINDOW)
    assert ended(feed, NOW) == {"just now", "a lifetime ago"}


# --- Nothing is lost


def test_a_row_with_an_earlier_time_that_is_written_after_a_pull_is_seen(feed: Feed, table: Table) -> None:
    table.end("seen", NOW)
    feed.current(NOW)
    table.end("late", NOW - CLOCK_SKEW)
    assert ended(feed, NOW + INTERVAL) == {"seen", "late"}


def test_so_it_is_after_a_quiet_time(feed: Feed, table: Table) -> None:
    table.end("seen", NOW)
    feed.current(NOW)
    feed.current(NOW + 600)
    table.end("late", NOW + 600 - CLOCK_SKEW)
    assert ended(feed, NOW + 600 + INTERVAL) == {"seen", "late"}


def test_so_it_is_after_pulls_that_failed(feed: Feed, table: Table) -> None:
    feed.current(NOW)
    table.reachable = False
    for now in range(NOW + INTERVAL, NOW + TOLERANCE, INTERVAL):
        feed.current(now)
    table.end("late", NOW - CLOCK_SKEW)
    table.reachable = True
    assert ended(feed, NOW + TOLERANCE) == {"late"}


@pytest.mark.parametrize("ahead", [1, CLOCK_SKEW, 600, 86_400])
def test_a_writer_whose_clock_is_ahead_hides_nobody_elses_rows(feed: Feed, table: Table, ahead: int) -> None:
    table.end("ahead", NOW + ahead)
    feed.current(NOW)
    table.end("right", NOW + 1)
    table.end("late", NOW - CLOCK_SKEW)
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
    assert ended(feed, NOW + LIFETIME + CLOCK_SKEW + WINDOW + INTERVAL) == set()


def test_no_pull_goes_back_further_than_one_lifetime(feed: Feed, table: Table) -> None:
    table.end("a", NOW)
    feed.current(NOW)
    feed.current(NOW + 7_200)
    assert NOW + 7_200 - table.starts[-1] <= LIFETIME + READ_BACK


@dataclass(frozen=True)
class Write:
    """A row that is committed at `committed`, by a clock that is `skew` off, seconds from the beginning."""

    committed: int
    skew: int


writes = st.lists(st.builds(Write, st.integers(0, 300), st.integers(-CLOCK_SKEW, CLOCK_SKEW)), max_size=12)
requests = st.lists(st.integers(0, 300), min_size=1, max_size=30)


@given(writes, requests)
def test_every_row_is_known_one_interval_after_its_commit(writes: list[Write], requests: list[int]) -> None:
    table = Table()
    feed = new_feed(table)
    for second in sorted(requests):
        table.rows = [
            entry(str(number), NOW + write.committed + write.skew)
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


def test_it_recovers_with_the_same_request(feed: Feed, table: Table) -> None:
    feed.current(NOW)
    table.reachable = False
    with pytest.raises(StoreUnavailableError):
        feed.current(NOW + 600)
    table.reachable = True
    table.end("meanwhile", NOW + 300)
    assert ended(feed, NOW + 600 + INTERVAL) == {"meanwhile"}


# --- A first load that is too long for one request


def test_a_first_load_keeps_what_it_read_and_goes_on(feed: Feed, table: Table) -> None:
    for number in range(5):
        table.end(f"{number}", NOW)
    table.breaks_after = 2
    for _ in range(2):
        with pytest.raises(StoreUnavailableError):
            feed.current(NOW)
    assert ended(feed, NOW) == {"0", "1", "2", "3", "4"}
    assert [position and position.id[-1] for position in table.positions] == [None, "1", "3"]


def test_what_was_written_while_the_first_load_ran_is_read_by_the_same_request(feed: Feed, table: Table) -> None:
    for number in range(1, 4):
        table.end(f"{number}", NOW)
    table.breaks_after = 2
    with pytest.raises(StoreUnavailableError):
        feed.current(NOW)
    table.end("0", NOW)  # before what has been read
    table.breaks_after = None
    assert ended(feed, NOW + 300) == {"0", "1", "2", "3"}
