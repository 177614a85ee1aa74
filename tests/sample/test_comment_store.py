"""Comments in DynamoDB: what is written comes back, in pages, with its history."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from chalicelib.errors import ConflictError
from chalicelib.model import Comment, CommentEvent, Principal, PrincipalKind
from chalicelib.sample.comment_store import PAGE_SIZE, CommentStore
from chalicelib.services import Services
from chalicelib.stores.dynamodb import Table
from tests.conftest import connect

ZOE, ADMIN = Principal(PrincipalKind.USER, "zoe"), Principal(PrincipalKind.CLIENT, "an admin client")
CREATED, FLAGGED = CommentEvent("created", ZOE, 10), CommentEvent("flagged", ADMIN, 20)
COMMENT = Comment("c1", ZOE, "Hello, \u4e16\u754c\n\0", 10, (CREATED,))


@pytest.fixture
def store(services: Services) -> CommentStore:
    return CommentStore(Table(connect("dynamodb"), services.settings.comments_table))


def _many(store: CommentStore, count: int) -> list[Comment]:
    comments = [Comment(f"{number:04}", ZOE, "Hello", number) for number in range(count)]
    for comment in comments:
        store.add(comment)
    return comments


def test_what_is_added_comes_back(store: CommentStore) -> None:
    store.add(COMMENT)
    assert store.get("c1") == COMMENT


def test_nothing_is_nothing(store: CommentStore) -> None:
    assert store.get("c1") is None
    assert store.page(None) == ([], None)
    store.delete("c1")
    assert not store.append_event("c1", FLAGGED)
    assert store.get("c1") is None


def test_what_is_deleted_is_gone(store: CommentStore) -> None:
    store.add(COMMENT)
    store.delete("c1")
    assert store.get("c1") is None


def test_history_is_in_order(store: CommentStore) -> None:
    store.add(COMMENT)
    again = CommentEvent("flagged", ADMIN, 5)
    assert store.append_event("c1", FLAGGED)
    assert store.append_event("c1", again)
    found = store.get("c1")
    assert found
    assert found.history == (CREATED, FLAGGED, again)


def test_no_event_of_many_at_once_is_lost(store: CommentStore) -> None:
    store.add(COMMENT)
    events = [
        CommentEvent("flagged", Principal(PrincipalKind.USER, f"admin-{number}"), 20) for number in range(16)
    ]
    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(lambda event: store.append_event("c1", event), events))
    found = store.get("c1")
    assert found
    assert set(found.history) == {CREATED, *events}


def test_an_event_that_a_lost_answer_hid_is_noted_once(store: CommentStore) -> None:
    store.add(COMMENT)
    assert store.append_event("c1", FLAGGED)
    assert store.append_event("c1", FLAGGED)
    found = store.get("c1")
    assert found
    assert found.history == (CREATED, FLAGGED)


def test_a_history_has_an_end(store: CommentStore) -> None:
    full = Comment("c1", ZOE, "Hello", 10, (CREATED,) * 200)
    store.add(full)
    with pytest.raises(ConflictError):
        store.append_event("c1", FLAGGED)
    assert store.get("c1") == full


@pytest.mark.parametrize("count", [1, PAGE_SIZE, PAGE_SIZE + 1])
def test_pages_follow_each_other_in_the_order_of_ids(store: CommentStore, count: int) -> None:
    comments = _many(store, count)
    first, last = store.page(None)
    assert first == comments[:PAGE_SIZE]
    if count <= PAGE_SIZE:
        assert last is None
    else:
        assert store.page(last) == (comments[PAGE_SIZE:], None)


@pytest.mark.parametrize(("after", "found"), [("0000", ["0001"]), ("00005", ["0001"]), ("0001", []), ("x", [])])
def test_a_page_begins_past_an_id_that_need_not_be_there(
    store: CommentStore, after: str, found: list[str]
) -> None:
    _many(store, 2)
    page, last = store.page(after)
    assert ([comment.comment_id for comment in page], last) == (found, None)
