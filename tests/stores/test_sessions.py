"""Sessions in DynamoDB: what is written comes back, and a refresh takes on one condition."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from chalicelib import base64url
from chalicelib.grants.refresh_token import SessionRotation
from chalicelib.ids import first_at
from chalicelib.model import Device, EndReason, Session
from chalicelib.scope import parse
from chalicelib.services import Services
from chalicelib.stores.sessions import PAGE_SIZE, SessionStore
from chalicelib.tokens.refresh_token import MAX_GENERATION, RefreshToken
from infra.emulated.aws_calls import operations
from tests.conftest import connect
from tests.support.aws_calls import recorded
from tests.support.revocations import entries

NOW = 1_800_000_000
HERE, THERE = Device("192.0.2.7", "a browser"), Device("2001:db8::7", "")
TOKEN = RefreshToken(base64url.encode(b"u" * 16), (b"s" * 16).hex(), b"\0\xff" * 8, 7)
SESSION = Session(
    sub=TOKEN.sub,
    session_id=TOKEN.session_id,
    client_id="gatehouse",
    asked_scope=None,
    secret_hash=TOKEN.secret_hash(),
    generation=7,
    session_epoch=2,
    created_at=NOW - 100,
    rotated_at=NOW - 50,
    expires_at=NOW + 50,
    absolute_expires_at=NOW + 500,
    device=HERE,
)
ROTATION = SessionRotation(TOKEN, "gatehouse", THERE, NOW, NOW + 200, session_epoch=2, kept_session=None)
ROTATED = replace(SESSION, generation=8, rotated_at=NOW, expires_at=NOW + 200, device=THERE)

RACERS = 16


@pytest.fixture
def store(services: Services) -> SessionStore:
    return services.session_store


def kept(store: SessionStore) -> Session | None:
    return store.get(SESSION.sub, SESSION.session_id)


@pytest.mark.parametrize(
    "session",
    [
        SESSION,
        replace(SESSION, asked_scope=frozenset()),
        replace(SESSION, asked_scope=parse("a b")),
        replace(SESSION, ended_at=NOW, reason=EndReason.REUSE),
        replace(SESSION, generation=MAX_GENERATION, device=THERE),
    ],
)
def test_what_is_added_comes_back(store: SessionStore, session: Session) -> None:
    store.add(session)
    assert kept(store) == session


def test_a_session_is_its_users_alone(store: SessionStore) -> None:
    store.add(SESSION)
    assert store.get(base64url.encode(b"v" * 16), SESSION.session_id) is None
    assert store.get(SESSION.sub, "another") is None


# --- The stored form: who changes it needs a migration, or everybody signs in again

GOLDEN: dict[str, Any] = {
    "sub": {"S": "dXV1dXV1dXV1dXV1dXV1dQ"},
    "session_id": {"S": "73737373737373737373737373737373"},
    "client_id": {"S": "gatehouse"},
    "asked_scope": {"S": "a b"},
    "secret_hash": {"B": bytes.fromhex("92473e976b82a7533986f1b8aa449430293f8d8bc65d72157440abbaa543daa2")},
    "generation": {"N": "7"},
    "session_epoch": {"N": "2"},
    "created_at": {"N": "1799999900"},
    "rotated_at": {"N": "1799999950"},
    "expires_at": {"N": "1800000050"},
    "absolute_expires_at": {"N": "1800000500"},
    "address": {"S": "192.0.2.7"},
    "user_agent": {"S": "a browser"},
}


def test_the_item_of_a_session(store: SessionStore, services: Services) -> None:
    table = services.settings.sessions_table
    session = replace(SESSION, asked_scope=parse("a b"))
    store.add(session)
    assert connect("dynamodb").scan(TableName=table)["Items"] == [GOLDEN]
    assert store.end(SESSION.sub, SESSION.session_id, EndReason.REUSE, NOW)
    ended = {"ended_at": {"N": "1800000000"}, "reason": {"S": "reuse"}}
    assert connect("dynamodb").scan(TableName=table)["Items"] == [GOLDEN | ended]


def test_a_session_that_stands_in_the_table_is_refreshed(store: SessionStore, services: Services) -> None:
    connect("dynamodb").put_item(TableName=services.settings.sessions_table, Item=GOLDEN)
    assert store.rotate(ROTATION) == (True, replace(ROTATED, asked_scope=parse("a b")))


def test_the_words_for_an_end() -> None:
    words = "logout logout_all logout_others revoked password_changed session_limit reuse disabled restored"
    assert [reason.value for reason in EndReason] == words.split()


# --- The one write of a refresh


def test_a_rotation_takes_at_its_generation(store: SessionStore) -> None:
    store.add(SESSION)
    assert store.rotate(ROTATION) == (True, ROTATED)
    assert kept(store) == ROTATED


REFUSED: dict[str, tuple[Session, SessionRotation]] = {
    "an older generation": (SESSION, replace(ROTATION, token=replace(TOKEN, generation=6))),
    "a later generation": (SESSION, replace(ROTATION, token=replace(TOKEN, generation=8))),
    "another secret": (SESSION, replace(ROTATION, token=replace(TOKEN, secret=b"\0" * 16))),
    "another client": (SESSION, replace(ROTATION, client_id="demo-spa")),
    "it was ended": (replace(SESSION, ended_at=NOW - 1, reason=EndReason.LOGOUT), ROTATION),
    "idle for too long": (replace(SESSION, expires_at=NOW), ROTATION),
    "too old": (replace(SESSION, absolute_expires_at=NOW), ROTATION),
    "of an older epoch": (SESSION, replace(ROTATION, session_epoch=3)),
    "of an older epoch that kept another": (SESSION, replace(ROTATION, session_epoch=3, kept_session="another")),
}


@pytest.mark.parametrize(("session", "rotation"), REFUSED.values(), ids=REFUSED)
def test_a_rotation_that_does_not_take_changes_nothing_and_shows_what_stands_there(
    store: SessionStore, session: Session, rotation: SessionRotation
) -> None:
    store.add(session)
    assert store.rotate(rotation) == (False, session)
    assert kept(store) == session


@pytest.mark.parametrize(
    "session", [replace(SESSION, expires_at=NOW + 1), replace(SESSION, absolute_expires_at=NOW + 1)]
)
def test_the_last_second_still_counts(store: SessionStore, session: Session) -> None:
    store.add(session)
    assert store.rotate(ROTATION)[0]


def test_the_session_that_was_kept_goes_on(store: SessionStore) -> None:
    store.add(SESSION)
    assert store.rotate(replace(ROTATION, session_epoch=3, kept_session=SESSION.session_id))[0]


def test_a_rotation_of_no_session_makes_none(store: SessionStore, contents: Callable[[], list[str]]) -> None:
    assert store.rotate(ROTATION) == (False, None)
    assert contents() == []


def test_a_race_has_one_winner_and_the_others_see_its_work(store: SessionStore) -> None:
    store.add(SESSION)
    with ThreadPoolExecutor(RACERS) as pool:
        outcomes = list(pool.map(lambda _: store.rotate(ROTATION), range(RACERS)))
    assert sorted(took for took, _ in outcomes) == [False] * (RACERS - 1) + [True]
    assert {session for _, session in outcomes} == {ROTATED}
    assert kept(store) == ROTATED


# --- Ending


def test_a_session_ends_once_and_the_first_reason_stays(store: SessionStore) -> None:
    store.add(SESSION)
    assert store.end(SESSION.sub, SESSION.session_id, EndReason.REUSE, NOW)
    assert not store.end(SESSION.sub, SESSION.session_id, EndReason.LOGOUT, NOW + 1)
    assert kept(store) == replace(SESSION, ended_at=NOW, reason=EndReason.REUSE)


def test_a_session_that_is_not_there_cannot_end(store: SessionStore, contents: Callable[[], list[str]]) -> None:
    assert not store.end(SESSION.sub, SESSION.session_id, EndReason.LOGOUT, NOW)
    assert contents() == []


def test_one_of_many_ends_it(store: SessionStore) -> None:
    store.add(SESSION)
    reasons = [list(EndReason)[number % len(EndReason)] for number in range(RACERS)]
    with ThreadPoolExecutor(RACERS) as pool:
        ended = list(pool.map(lambda reason: store.end(SESSION.sub, SESSION.session_id, reason, NOW), reasons))
    assert ended.count(True) == 1
    assert kept(store) == replace(SESSION, ended_at=NOW, reason=reasons[ended.index(True)])


def test_the_end_and_its_news_are_one(store: SessionStore, services: Services) -> None:
    store.add(SESSION)
    store.end(SESSION.sub, SESSION.session_id, EndReason.LOGOUT, NOW)
    store.end(SESSION.sub, SESSION.session_id, EndReason.LOGOUT, NOW + 1)
    (entry,) = entries(services, NOW - 10, NOW + 10)
    assert (entry.subject, entry.ended) == (SESSION.sub, frozenset({SESSION.session_id}))


# --- Listing


def _many(count: int) -> list[Session]:
    """Sessions that began one in a second from `NOW` on, newest first."""
    return [replace(SESSION, session_id=first_at(NOW + number) + "0" * 20) for number in reversed(range(count))]


def test_the_sessions_of_a_user_are_theirs_alone(store: SessionStore) -> None:
    mine, others = _many(3), replace(SESSION, sub="another")
    for session in (*mine, others):
        store.add(session)
    assert list(store.newest(SESSION.sub)) == mine
    assert list(store.newest("nobody")) == []


@pytest.mark.parametrize("count", [PAGE_SIZE, PAGE_SIZE + 1, 2 * PAGE_SIZE + 1])
def test_they_come_newest_first_over_all_pages_and_go_on_after_any(store: SessionStore, count: int) -> None:
    sessions = _many(count)
    for session in sessions:
        store.add(session)
    assert list(store.newest(SESSION.sub)) == sessions
    assert list(store.newest(SESSION.sub, after=sessions[1].session_id)) == sessions[2:]
    assert list(store.newest(SESSION.sub, since=NOW + 1)) == sessions[:-1]


def test_no_page_is_read_that_nobody_asked_for(store: SessionStore) -> None:
    for session in _many(PAGE_SIZE + 1):
        store.add(session)
    with recorded() as calls:
        next(store.newest(SESSION.sub))
    assert operations(calls) == ["Query"]
