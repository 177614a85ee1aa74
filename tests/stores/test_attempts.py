"""Counters of failed sign-ins in DynamoDB: none lost, none that outlives its window, no word of what was typed."""

import hashlib
from concurrent.futures import ThreadPoolExecutor

import pytest

from chalicelib.accounts.throttle import NONE, Counter, Limit, Limits
from chalicelib.errors import StoreUnavailableError
from chalicelib.services import Services
from chalicelib.stores import attempts
from chalicelib.stores.attempts import AttemptStore
from chalicelib.stores.dynamodb import Item, Table
from tests.conftest import connect
from tests.support.aws_calls import failing, met

NOW = 1_800_000_000
LIMIT = Limit(count=10, window=300)
LIMITS = Limits(pair=Limit(10, 300), address=LIMIT, username=LIMIT, hashing=Limit(3, 300))


@pytest.fixture
def store(services: Services) -> AttemptStore:
    return AttemptStore(Table(connect("dynamodb"), services.settings.attempts_table), LIMITS)


@pytest.fixture
def key() -> Item:
    return attempts.address_key("192.0.2.7")


def kept(store: AttemptStore, key: Item) -> Counter:
    return attempts.counter(store.table.get(key))


def test_failures_add_up(store: AttemptStore, key: Item) -> None:
    assert [store.count(key, LIMIT, NOW).count for _ in range(3)] == [1, 2, 3]
    assert kept(store, key) == Counter(3, NOW + 300)


def test_the_item_of_a_counter(store: AttemptStore, key: Item) -> None:
    """Who changes it lets everybody who guesses begin anew."""
    store.count(key, LIMIT, NOW)
    store.count(key, LIMIT, NOW)
    golden = {"pk": {"S": "address:192.0.2.7"}, "failures": {"N": "2"}, "expires_at": {"N": "1800000300"}}
    assert connect("dynamodb").scan(TableName=store.table.name)["Items"] == [golden]
    pair, name = (hashlib.sha256(typed).hexdigest() for typed in (b"zo\xc3\xab\x00192.0.2.7", b"zo\xc3\xab"))
    assert attempts.pair_key("Zo\u00eb", "192.0.2.7") == {"pk": f"pair:{pair}"}
    assert attempts.username_key("Zo\u00eb") == {"pk": f"username:{name}"}
    assert attempts.hashing_key("192.0.2.7") == {"pk": "hashing:192.0.2.7"}
    sign_up = hashlib.sha256(b"zoe@example.com\x00192.0.2.7").hexdigest()
    assert attempts.sign_up_key("Zoe@example.com", "192.0.2.7") == {"pk": f"sign-up:{sign_up}"}


def test_nothing_is_no_failure(store: AttemptStore, key: Item) -> None:
    assert kept(store, key) == NONE


def test_keys_count_apart(store: AttemptStore, key: Item) -> None:
    store.count(key, LIMIT, NOW)
    assert store.count(attempts.username_key(key["pk"]), LIMIT, NOW).count == 1


def test_the_window_begins_with_the_first_failure_and_does_not_slide(store: AttemptStore, key: Item) -> None:
    store.count(key, LIMIT, NOW)
    store.count(key, LIMIT, NOW + 299)
    assert kept(store, key) == Counter(2, NOW + 300)


@pytest.mark.parametrize("later", [300, 301, 86_400])
def test_after_the_window_counting_starts_anew(store: AttemptStore, key: Item, later: int) -> None:
    for _ in range(3):
        store.count(key, LIMIT, NOW)
    # The row is still there: the time to live deletes late.
    assert store.count(key, LIMIT, NOW + later).count == 1
    assert kept(store, key) == Counter(1, NOW + later + 300)


def test_counting_goes_on_past_the_limit(store: AttemptStore, key: Item) -> None:
    assert [store.count(key, Limit(2, 300), NOW).count for _ in range(4)] == [1, 2, 3, 4]


def test_two_first_failures_at_once_are_two(store: AttemptStore, key: Item) -> None:
    with met("PutItem", lambda: store.count(key, LIMIT, NOW)):
        assert store.count(key, LIMIT, NOW) == Counter(2, NOW + 300)


def test_two_failures_that_open_a_new_window_at_once_are_two(store: AttemptStore, key: Item) -> None:
    store.count(key, LIMIT, NOW)
    with met("PutItem", lambda: store.count(key, LIMIT, NOW + 300)):
        assert store.count(key, LIMIT, NOW + 300) == Counter(2, NOW + 600)


@pytest.mark.parametrize("opened_before", [False, True])
def test_no_failure_is_lost_among_threads(store: AttemptStore, key: Item, opened_before: bool) -> None:
    if opened_before:
        store.count(key, LIMIT, NOW - 300)
    with ThreadPoolExecutor(8) as threads:
        counts = list(threads.map(lambda _: store.count(key, LIMIT, NOW).count, range(80)))
    assert sorted(counts) == list(range(1, 81))
    assert kept(store, key) == Counter(80, NOW + 300)


# --- Keys


def test_a_pair_is_one_username_however_spelt_from_one_address() -> None:
    pair = attempts.pair_key("Demo", "192.0.2.7")
    assert attempts.pair_key("demo", "192.0.2.7") == pair
    others = [("demo", "192.0.2.8"), ("demo2", "192.0.2.7"), ("demo1", "92.0.2.7"), ("192.0.2.7", "demo")]
    assert all(attempts.pair_key(*other) != pair for other in others)


def test_a_username_is_one_however_spelt() -> None:
    assert attempts.username_key("DEMO") == attempts.username_key("demo")
    assert attempts.username_key("demo2") != attempts.username_key("demo")


def test_an_address_typed_as_a_username_is_another_counter() -> None:
    address = "192.0.2.7"
    keys = attempts.address_key(address), attempts.username_key(address), attempts.pair_key(address, "")
    assert len({key["pk"] for key in keys}) == 3


@pytest.mark.parametrize("key", [attempts.pair_key("Hunter2", "192.0.2.7"), attempts.username_key("Hunter2")])
def test_no_key_holds_what_was_typed(key: Item) -> None:
    assert "hunter2" not in repr(key).lower()


# --- When the table is away


@pytest.mark.parametrize("operation", ["UpdateItem", "PutItem"])
def test_a_failure_that_cannot_be_counted_is_said(store: AttemptStore, key: Item, operation: str) -> None:
    with failing(operation), pytest.raises(StoreUnavailableError):
        store.count(key, LIMIT, NOW)
