"""What each operation costs on a warm container, counted from the calls that it makes."""

from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.accounts.password import Passwords, Profile
from chalicelib.model import User
from chalicelib.services import Services
from infra.emulated.aws_calls import Call, operations
from tests.conftest import connect, new_user
from tests.support.aws_calls import recorded
from tests.support.callers import serve, sign_in
from tests.support.client import Client, Clock, Reply, bearer


@pytest.fixture
def warm(client: Client, services: Services) -> Client:
    """The client of a container that has all its keys, has read the feed and knows nobody."""
    client.refresh(client.sign_in(new_user(services).username).json["refresh_token"])
    return client


def cost(request: Callable[[], Reply], status: int) -> list[Call]:
    """The calls that `request` makes; it must be answered with `status`."""
    with recorded() as calls:
        assert request().status == status
    return calls


def session_item(services: Services, user: User, session_id: str) -> dict[str, Any]:
    """The session as it stands in the table."""
    key = {"sub": {"S": user.sub}, "session_id": {"S": session_id}}
    item: dict[str, Any] = connect("dynamodb").get_item(TableName=services.settings.sessions_table, Key=key)[
        "Item"
    ]
    return item


# --- Signing in


def test_a_sign_in_is_one_batch_of_reads_the_user_and_one_write(
    warm: Client, services: Services, user: User
) -> None:
    calls = cost(lambda: warm.sign_in(user.username), 200)
    assert operations(calls) == ["BatchGetItem", "GetItem", "PutItem"]
    batch = calls[0].parameters["RequestItems"]
    assert {name: len(part["Keys"]) for name, part in batch.items()} == {
        services.settings.users_table: 1,
        services.settings.attempts_table: 2,
    }
    assert all(part["ConsistentRead"] for part in batch.values())


def test_so_it_is_after_failures(warm: Client, user: User) -> None:
    warm.sign_in(user.username, "wrong password")
    assert operations(cost(lambda: warm.sign_in(user.username), 200)) == ["BatchGetItem", "GetItem", "PutItem"]


def test_a_name_that_nobody_has_costs_as_many_calls(warm: Client, user: User) -> None:
    for name in (user.username, "nobody-of-this-name"):
        warm.sign_in(name, "wrong password")
    known = cost(lambda: warm.sign_in(user.username, "wrong password"), 401)
    assert operations(cost(lambda: warm.sign_in("nobody-of-this-name"), 401)) == operations(known)


def test_a_rehash_adds_one_write_once(warm: Client, services: Services) -> None:
    other_cost = Passwords(Profile(iterations=2, lanes=1, memory_cost=8), services.random_bytes)
    user = new_user(services, password_hash=other_cost.hash("demo-password"))
    calls = cost(lambda: warm.sign_in(user.username), 200)
    assert operations(calls) == ["BatchGetItem", "GetItem", "UpdateItem", "PutItem"]
    assert operations(cost(lambda: warm.sign_in(user.username), 200)) == ["BatchGetItem", "GetItem", "PutItem"]


def test_a_limit_of_sessions_adds_one_query_and_where_it_is_reached_the_end_of_the_oldest(
    warm: Client, services: Services, user: User
) -> None:
    serve(services, max_sessions=2)
    warm.sign_in(new_user(services).username)
    below = ["BatchGetItem", "GetItem", "Query", "PutItem"]
    reached = ["BatchGetItem", "GetItem", "Query", "TransactWriteItems", "PutItem"]
    made = [operations(cost(lambda: warm.sign_in(user.username), 200)) for _ in range(4)]
    assert made == [below, below, reached, reached]


def test_a_failure_is_the_batch_and_three_counters(warm: Client, services: Services, user: User) -> None:
    warm.sign_in(user.username, "wrong password")
    calls = cost(lambda: warm.sign_in(user.username, "wrong password"), 401)
    assert operations(calls) == ["BatchGetItem", "GetItem", *["UpdateItem"] * 3]
    assert {call.parameters["TableName"] for call in calls[2:]} == {services.settings.attempts_table}


def test_the_first_failure_opens_three_windows(warm: Client, user: User) -> None:
    calls = cost(lambda: warm.sign_in(user.username, "wrong password"), 401)
    assert operations(calls) == ["BatchGetItem", "GetItem", *["UpdateItem", "PutItem"] * 3]


def test_a_refused_sign_in_is_the_batch_alone(warm: Client, services: Services, user: User) -> None:
    serve(services, sign_in_failures=1)
    warm.sign_in(user.username, "wrong password")
    assert operations(cost(lambda: warm.sign_in(user.username), 429)) == ["BatchGetItem", "GetItem"]


# --- Refreshing


def test_a_refresh_is_one_consistent_read_and_then_one_conditional_update(
    warm: Client, services: Services, user: User
) -> None:
    session = sign_in(warm, user)
    read, update = cost(session.refresh, 200)
    assert (update.operation, read.operation) == ("UpdateItem", "GetItem")
    assert update.parameters["TableName"] == services.settings.sessions_table
    assert "generation = :generation" in update.parameters["ConditionExpression"]
    assert read.parameters["TableName"] == services.settings.users_table
    assert read.parameters["ConsistentRead"] is True


def test_a_replay_is_the_same_two_calls_and_changes_nothing(warm: Client, services: Services, user: User) -> None:
    session = sign_in(warm, user)
    session.refresh()
    before = session_item(services, user, session.session_id)
    assert operations(cost(session.refresh, 200)) == ["GetItem", "UpdateItem"]
    assert session_item(services, user, session.session_id) == before


def test_a_forged_refresh_token_costs_no_call(warm: Client, user: User) -> None:
    token = sign_in(warm, user).refresh_token
    forged = token[:60] + ("A" if token[60] != "A" else "B") + token[61:]
    assert cost(lambda: warm.refresh(forged), 401) == []


def test_an_ended_session_costs_a_read_and_a_refused_update(warm: Client, user: User) -> None:
    session = sign_in(warm, user)
    session.post("/logout")
    assert operations(cost(session.refresh, 401)) == ["GetItem", "UpdateItem"]


def test_reuse_ends_the_session_by_one_transaction(warm: Client, user: User) -> None:
    session = sign_in(warm, user)
    warm.refresh(session.refresh().json["refresh_token"])
    assert operations(cost(session.refresh, 401)) == ["GetItem", "UpdateItem", "TransactWriteItems"]


# --- Protected requests


def test_a_protected_request_asks_no_store(warm: Client, user: User) -> None:
    session = sign_in(warm, user)
    assert cost(lambda: session.get("/me"), 200) == []


def test_a_protected_request_reads_what_it_is_about_and_nothing_else(
    warm: Client, services: Services, user: User
) -> None:
    session = sign_in(warm, user)
    (query,) = cost(lambda: session.get("/comments"), 200)
    assert query.parameters["TableName"] == services.settings.comments_table


def test_a_refused_request_asks_no_store(warm: Client, user: User) -> None:
    session = sign_in(warm, user, scope="comments:read")
    assert cost(lambda: warm.send("POST", "/comments", bearer(session.access_token)), 403) == []
    assert cost(lambda: session.get("/me/sessions"), 403) == []


def test_an_expired_token_asks_no_store(warm: Client, user: User, clock: Clock) -> None:
    session = sign_in(warm, user)
    clock.advance(900)
    warm.send("GET", "/.well-known/jwks.json")  # the ring is read again
    assert cost(lambda: session.get("/me"), 401) == []


def test_the_feed_is_one_pull_in_each_interval_whatever_is_asked(
    warm: Client, services: Services, user: User, clock: Clock
) -> None:
    session = sign_in(warm, user)
    with recorded() as calls:
        for _ in range(3 * 5):
            clock.advance(1)
            assert session.get("/me").status == 200
            assert session.get("/me").status == 200
    assert {call.parameters["TableName"] for call in calls} == {services.settings.revocations_table}
    assert set(operations(calls)) == {"Query"}
    # Each pull ends with the newest quarter of an hour; where nothing ended lately it begins a lifetime ago.
    buckets = [call.parameters["ExpressionAttributeValues"][":hash"]["S"] for call in calls]
    assert buckets.count(f"{clock.now // 900}.0") == 3
    assert len(calls) <= 3 * 3


def test_a_pull_reads_no_more_than_a_bucket_or_two_after_something_ended(
    warm: Client, services: Services, user: User, clock: Clock
) -> None:
    session, ended = sign_in(warm, user), sign_in(warm, user)
    ended.post("/logout")
    clock.advance(5)
    assert 1 <= len(cost(lambda: session.get("/me"), 200)) <= 2


def test_a_pull_does_not_grow_while_time_to_live_is_late(warm: Client, user: User, clock: Clock) -> None:
    sign_in(warm, user).post("/logout")
    warm.sign_in(user.username)
    for _ in range(3):
        clock.advance(3_600)
        session = sign_in(warm, user)
    clock.advance(5)
    assert len(cost(lambda: session.get("/me"), 200)) <= 3


# --- Ending sessions


def test_ending_costs_no_more_however_many_sessions_end(warm: Client, user: User) -> None:
    sessions = [sign_in(warm, user) for _ in range(6)]
    assert operations(cost(lambda: sessions[0].post("/logout"), 204)) == ["TransactWriteItems"]
    others = cost(lambda: sessions[1].post("/logout?sessions=others"), 204)
    assert operations(others) == ["GetItem", "TransactWriteItems"]
    sessions[1].get("/me")
    everything = cost(lambda: sessions[1].post("/logout?sessions=all"), 204)
    assert operations(everything) == ["GetItem", "TransactWriteItems"]


def test_a_new_password_is_counted_and_one_read_and_one_transaction_more_than_a_sign_in(
    warm: Client, user: User
) -> None:
    session = sign_in(warm, user)
    fields = {"current_password": "demo-password", "new_password": "another fine password"}
    calls = cost(lambda: session.put("/me/password", **fields), 204)
    # Its counter, opened with the first request of a window.
    counted = ["UpdateItem", "PutItem"]
    assert operations(calls) == [*counted, "GetItem", "BatchGetItem", "GetItem", "TransactWriteItems"]
