"""The revocation feed's table: what is written is read, from any time on, at the price of a bucket or two."""

from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.errors import StoreUnavailableError
from chalicelib.services import Services
from chalicelib.stores.dynamodb import transact
from chalicelib.stores.revocations import RevocationStore
from chalicelib.tokens.revocations import OVERLAP, Kind, Revocation
from infra.emulated.aws_calls import operations
from tests.conftest import connect
from tests.support.aws_calls import failing, recorded

LIFETIME = 900
BUCKET = 900

# The first second of a bucket; each call gives another, days later.
_next_bucket = count(1_800_000_000 // BUCKET * BUCKET, 7 * 86_400).__next__


@pytest.fixture
def now() -> int:
    """The first second of a bucket."""
    return _next_bucket()


@pytest.fixture
def store(services: Services) -> RevocationStore:
    return services.revocations


def ended(at: int, subject: str = "subject") -> Revocation:
    return Revocation(Kind.SESSION, subject, at)


def test_every_kind_comes_back_as_it_was_written(store: RevocationStore, now: int) -> None:
    entries = {Revocation(kind, f"the-{kind}", now) for kind in Kind}
    entries |= {Revocation(Kind.USER, "sub", now, 3, "kept"), Revocation(Kind.USER, "sub", now, 4)}
    for entry in entries:
        store.add(entry)
    assert set(store.since(now, now)) == entries


def test_it_may_be_written_with_the_change_that_it_tells_of(store: RevocationStore, now: int) -> None:
    transact(store.put(ended(now, "a")), store.put(ended(now, "b")))
    assert set(store.since(now, now)) == {ended(now, "a"), ended(now, "b")}


def test_the_same_end_twice_is_one_entry(store: RevocationStore, now: int) -> None:
    store.add(ended(now))
    store.add(ended(now))
    assert list(store.since(now, now)) == [ended(now)]


def test_two_changes_of_one_user_in_one_second_are_two_entries(store: RevocationStore, now: int) -> None:
    changes = {Revocation(Kind.USER, "sub", now, epoch) for epoch in (9, 10)}
    for change in changes:
        store.add(change)
    assert set(store.since(now, now)) == changes


@pytest.mark.parametrize("earlier", [0, 1, OVERLAP, LIFETIME, LIFETIME + OVERLAP])
def test_a_read_begins_with_its_first_second(store: RevocationStore, now: int, earlier: int) -> None:
    store.add(ended(now - earlier - 1, "before"))
    store.add(ended(now - earlier, "first"))
    store.add(ended(now, "last"))
    assert {entry.subject for entry in store.since(now - earlier, now)} == {"first", "last"}


@pytest.mark.parametrize("position", [0, 1, BUCKET // 2, BUCKET - OVERLAP, BUCKET - 1])
def test_writers_whose_clock_is_ahead_are_read_too(store: RevocationStore, now: int, position: int) -> None:
    store.add(ended(now + position + OVERLAP))
    assert list(store.since(now + position - OVERLAP, now + position)) == [ended(now + position + OVERLAP)]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    times=st.lists(st.integers(-1_000, 1_000), max_size=5, unique=True),
    start=st.integers(-LIFETIME - OVERLAP, 0),
)
def test_a_read_gives_all_that_is_not_older_than_its_start(
    store: RevocationStore, times: list[int], start: int
) -> None:
    now = _next_bucket() + BUCKET // 2
    for time in times:
        store.add(ended(now + time))
    read = {entry.at - now for entry in store.since(now + start, now)}
    due = {time for time in times if start <= time <= OVERLAP}
    assert due <= read <= {time for time in times if time >= start}


# --- What a read costs


@pytest.mark.parametrize(("position", "queries"), [(OVERLAP, 1), (BUCKET // 2, 1), (0, 2), (BUCKET - OVERLAP, 2)])
def test_a_pull_is_one_read_or_two_across_a_border(
    store: RevocationStore, now: int, position: int, queries: int
) -> None:
    with recorded() as calls:
        list(store.since(now + position - OVERLAP, now + position))
    assert operations(calls) == ["Query"] * queries
    assert all(call.parameters["ConsistentRead"] for call in calls)


def test_a_new_containers_first_pull_is_three_reads_at_most(store: RevocationStore, now: int) -> None:
    for position in range(0, BUCKET, OVERLAP):
        with recorded() as calls:
            list(store.since(now + position - LIFETIME - OVERLAP, now + position))
        assert len(calls) <= 3


# --- It cleans itself


def test_an_entry_outlives_every_token_that_it_ends_and_not_for_long(
    services: Services, store: RevocationStore, now: int
) -> None:
    store.add(ended(now))
    (row,) = connect("dynamodb").scan(TableName=services.settings.revocations_table)["Items"]
    # Issued in the same second by a clock that is ahead as far as clocks may be.
    last_token_expires = now + OVERLAP + LIFETIME
    assert last_token_expires < int(row["expires_at"]["N"]) <= last_token_expires + 60


# --- When the table is away


def test_a_table_that_cannot_be_read_is_said(store: RevocationStore, now: int) -> None:
    with failing("Query"), pytest.raises(StoreUnavailableError):
        list(store.since(now, now))


def test_a_table_that_cannot_be_written_is_said(store: RevocationStore, now: int) -> None:
    with failing("PutItem"), pytest.raises(StoreUnavailableError):
        store.add(ended(now))
