"""The revocation feed's table: what is written is read, from any window on, at the price of a bucket or two."""

from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.clocks import CLOCK_SKEW
from chalicelib.errors import StoreUnavailableError
from chalicelib.services import Services
from chalicelib.stores.dynamodb import Table
from chalicelib.stores.revocations import MAX_ENDED, RevocationStore
from chalicelib.tokens.revocation_feed import READ_BACK
from chalicelib.tokens.revocations import WINDOW, Kind, Revocation, RevocationsFullError
from infra.emulated.aws_calls import operations
from tests.conftest import connect
from tests.support.aws_calls import failing, recorded

LIFETIME, LONGEST = 900, 3_600
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


def end(store: RevocationStore, at: int, session_id: str = "session", sub: str = "sub") -> None:
    store.transact(store.entry(Kind.USER, sub, at, ended=frozenset({session_id})))


def read(store: RevocationStore, start: int, now: int) -> list[Revocation]:
    return [entry for page in store.read(start, now) for entry in page.revocations]


def ended(store: RevocationStore, start: int, now: int) -> set[str]:
    return {ended for entry in read(store, start, now) for ended in entry.ended}


def test_every_kind_comes_back_as_it_was_written(store: RevocationStore, now: int) -> None:
    entries = [store.entry(kind, f"the {kind}", now, ended=frozenset({"a", "b"})) for kind in Kind]
    entries.append(store.entry(Kind.USER, "of an epoch", now, epoch=3, kept="kept"))
    entries.append(store.entry(Kind.USER, "of another", now, epoch=4))
    for entry in entries:
        store.transact(entry)
    assert sorted(read(store, now, now), key=repr) == sorted(entries, key=repr)


def test_what_one_principal_ends_within_a_window_is_one_entry(store: RevocationStore, now: int) -> None:
    for second in range(WINDOW):
        end(store, now + second, f"{second % 7}")
    (entry,) = read(store, now, now)
    assert entry.ended == frozenset("0123456")
    end(store, now + WINDOW)
    assert len(read(store, now, now + WINDOW)) == 2


def test_an_epoch_and_an_end_within_a_window_are_one_entry(store: RevocationStore, now: int) -> None:
    end(store, now)
    for epoch, kept in ((1, "a"), (2, None)):
        store.transact(store.entry(Kind.USER, "sub", now, epoch=epoch, kept=kept))
    (entry,) = read(store, now, now)
    assert (entry.ended, entry.epoch, entry.kept) == (frozenset({"session"}), 2, None)


def test_an_entry_holds_so_many_ids_and_no_more(store: RevocationStore, now: int) -> None:
    for number in range(MAX_ENDED):
        end(store, now, f"{number}")
    with pytest.raises(RevocationsFullError):
        end(store, now, "one more")
    end(store, now, "of another", "another")
    store.transact(store.entry(Kind.USER, "sub", now, epoch=1))


def test_what_is_written_is_noted_and_only_that(services: Services, store: RevocationStore, now: int) -> None:
    noted: list[Revocation] = []
    table = services.settings.revocations_table
    noting = RevocationStore(Table(connect("dynamodb"), table), LIFETIME, LONGEST, note=noted.append)
    end(noting, now)
    with failing("TransactWriteItems"), pytest.raises(StoreUnavailableError):
        end(noting, now, "another")
    assert [entry.ended for entry in noted] == [frozenset({"session"})]


@pytest.mark.parametrize("earlier", [0, WINDOW, LIFETIME, LONGEST + READ_BACK])
def test_a_read_begins_with_the_window_of_its_first_second(store: RevocationStore, now: int, earlier: int) -> None:
    window = (now - earlier) // WINDOW * WINDOW
    end(store, window - 1, "before")
    end(store, now - earlier, "first")
    end(store, now, "last")
    assert ended(store, now - earlier, now) == {"first", "last"}


@pytest.mark.parametrize("position", [0, 1, BUCKET // 2, BUCKET - CLOCK_SKEW, BUCKET - 1])
def test_writers_whose_clock_is_ahead_are_read_too(store: RevocationStore, now: int, position: int) -> None:
    end(store, now + position + CLOCK_SKEW)
    assert ended(store, now + position - READ_BACK, now + position) == {"session"}


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    times=st.lists(st.integers(-1_000, 1_000), max_size=5, unique=True),
    start=st.integers(-LONGEST - READ_BACK, 0),
    shards=st.integers(1, 3),
)
def test_a_read_gives_all_that_is_not_older_than_its_start_and_goes_on_from_any_page(
    services: Services, times: list[int], start: int, shards: int
) -> None:
    table = Table(connect("dynamodb"), services.settings.revocations_table)
    store = RevocationStore(table, LIFETIME, LONGEST, shards)
    now = _next_bucket() + BUCKET // 2
    for time in times:
        end(store, now + time, f"{time}", f"sub {time}")
    pages = list(store.read(now + start, now))
    seen = {int(ended) for page in pages for entry in page.revocations for ended in entry.ended}
    due = {time for time in times if start <= time <= CLOCK_SKEW}
    assert due <= seen <= {time for time in times if time >= start - WINDOW}
    for number, page in enumerate(pages):
        assert list(store.read(now + start, now, page.position)) == pages[number + 1 :]


# --- The stored form: entries of the version before are read after a deployment

GOLDEN: list[dict[str, Any]] = [
    {
        "bucket": {"S": "2000000.0"},
        "id": {"S": "1800000060 1800001080 client a client of 2"},
        "expires_at": {"N": "1800001140"},
        "s": {"SS": ["jti"]},
    },
    {
        "bucket": {"S": "2000000.0"},
        "id": {"S": "1800000060 1800001080 key a kid"},
        "expires_at": {"N": "1800001140"},
    },
    {
        "bucket": {"S": "2000000.0"},
        "id": {"S": "1800000060 1800001080 user a sub"},
        "expires_at": {"N": "1800001140"},
        "e": {"N": "3"},
        "k": {"S": "kept"},
        "s": {"SS": ["session"]},
    },
]
STORED = [
    Revocation(Kind.CLIENT, "a client of 2", 1_800_000_060, 1_800_001_080, ended=frozenset({"jti"})),
    Revocation(Kind.KEY, "a kid", 1_800_000_060, 1_800_001_080),
    Revocation(Kind.USER, "a sub", 1_800_000_060, 1_800_001_080, 3, "kept", frozenset({"session"})),
]


def test_the_items_of_each_kind(services: Services, store: RevocationStore) -> None:
    store.end_token("a client of 2", "jti", 1_800_000_100)
    store.transact(store.entry(Kind.KEY, "a kid", 1_800_000_100))
    ended = frozenset({"session"})
    store.transact(store.entry(Kind.USER, "a sub", 1_800_000_100, epoch=3, kept="kept", ended=ended))
    items = connect("dynamodb").scan(TableName=services.settings.revocations_table)["Items"]
    assert sorted(items, key=lambda item: item["id"]["S"]) == GOLDEN


def test_what_stands_in_the_table_is_read(services: Services, store: RevocationStore) -> None:
    for item in GOLDEN:
        connect("dynamodb").put_item(TableName=services.settings.revocations_table, Item=item)
    assert read(store, 1_800_000_100, 1_800_000_100) == STORED


def test_the_partition_of_each_principal(services: Services) -> None:
    table = Table(connect("dynamodb"), services.settings.revocations_table)
    store = RevocationStore(table, LIFETIME, LONGEST, shards=3)
    for sub in ("a", "b", "g"):
        end(store, 1_800_000_000, sub=sub)
    items = connect("dynamodb").scan(TableName=table.name)["Items"]
    assert {item["id"]["S"][-1]: item["bucket"]["S"] for item in items} == {
        "a": "2000000.0",
        "b": "2000000.2",
        "g": "2000000.1",
    }


# --- What a read costs


@pytest.mark.parametrize(("position", "queries"), [(READ_BACK, 1), (BUCKET // 2, 1), (0, 2), (BUCKET - 60, 2)])
def test_a_pull_is_one_read_or_two_across_a_border(
    store: RevocationStore, now: int, position: int, queries: int
) -> None:
    with recorded() as calls:
        read(store, now + position - READ_BACK, now + position)
    assert operations(calls) == ["Query"] * queries
    assert all(call.parameters["ConsistentRead"] for call in calls)


def test_a_new_containers_first_pull_is_six_reads_at_most(store: RevocationStore, now: int) -> None:
    for position in range(0, BUCKET, WINDOW):
        with recorded() as calls:
            read(store, now + position - LONGEST - READ_BACK, now + position)
        assert len(calls) <= 6


# --- It cleans itself


def test_an_entry_says_until_when_it_matters_whatever_the_lifetime_is_later(
    services: Services, store: RevocationStore, now: int
) -> None:
    end(store, now)
    lower = RevocationStore(Table(connect("dynamodb"), services.settings.revocations_table), 60, LONGEST)
    (entry,) = read(lower, now - LIFETIME, now)
    # Issued in the window's last second by a clock that is ahead as far as clocks may be.
    assert entry.until >= now + WINDOW - 1 + CLOCK_SKEW + LIFETIME


def test_an_item_outlives_what_it_says_and_not_for_long(
    services: Services, store: RevocationStore, now: int
) -> None:
    end(store, now)
    (row,) = connect("dynamodb").scan(TableName=services.settings.revocations_table)["Items"]
    (entry,) = read(store, now, now)
    assert entry.until < int(row["expires_at"]["N"]) <= entry.until + CLOCK_SKEW


# --- When the table is away


def test_a_table_that_cannot_be_read_is_said(store: RevocationStore, now: int) -> None:
    with failing("Query"), pytest.raises(StoreUnavailableError):
        read(store, now, now)


def test_a_table_that_cannot_be_written_is_said(store: RevocationStore, now: int) -> None:
    with failing("TransactWriteItems"), pytest.raises(StoreUnavailableError):
        end(store, now)
