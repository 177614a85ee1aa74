"""A database that fails in the middle: 503, and nothing is lost, half written or said to be done."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.errors import StoreUnavailableError
from chalicelib.model import User
from chalicelib.services import Services, install
from chalicelib.stores import aws
from tests.conftest import connect, new_user
from tests.stores.test_failures import HASTY, assert_unavailable, refusing
from tests.support.aws_calls import failing
from tests.support.client import Client, Clock, bearer


def test_a_house_that_has_its_keys_goes_on_publishing_them(client: Client, clock: Clock) -> None:
    before = client.send("GET", "/.well-known/jwks.json").json
    clock.advance(86_400)
    with failing("Query") as failed:
        reply = client.send("GET", "/.well-known/jwks.json")
    assert failed
    assert (reply.status, reply.json) == (200, before)


@pytest.mark.parametrize("operation", ["BatchGetItem", "PutItem"])
def test_a_sign_in_that_fails_leaves_no_session(
    client: Client, user: User, contents: Callable[[], list[str]], operation: str
) -> None:
    before = contents()
    with failing(operation) as failed:
        assert_unavailable(client.sign_in(user.username))
    assert failed
    assert contents() == before
    assert client.sign_in(user.username).status == 200


def test_a_sign_in_without_kms_leaves_no_session(
    client: Client,
    services: Services,
    clock: Clock,
    user: User,
    contents: Callable[[], list[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = contents()
    with refusing() as port:
        monkeypatch.setattr(aws, "_CONFIG", HASTY)
        monkeypatch.setenv("AWS_ENDPOINT_URL_KMS", f"http://127.0.0.1:{port}")
        kms_away = lambda name: aws.connect(name) if name == "kms" else connect(name)  # noqa: E731
        monkeypatch.setattr("chalicelib.services.connect", kms_away)
        install(replace(services))
        assert_unavailable(client.sign_in(user.username))
    assert contents() == before


def test_a_failure_that_cannot_be_counted_lets_nobody_in(client: Client, user: User) -> None:
    with failing("UpdateItem") as failed:
        assert_unavailable(client.sign_in(user.username, "not-the-password"))
    assert failed


def test_a_refresh_that_could_not_write_has_not_happened(
    client: Client, user: User, contents: Callable[[], list[str]], clock: Clock
) -> None:
    token = client.sign_in(user.username).json["refresh_token"]
    before = contents()
    with failing("UpdateItem") as failed:
        assert_unavailable(client.refresh(token))
    assert failed
    assert contents() == before
    clock.advance(86_400)
    assert client.refresh(token).status == 200


def test_a_refresh_that_failed_after_its_write_is_a_lost_answer(client: Client, user: User) -> None:
    token = client.sign_in(user.username).json["refresh_token"]
    with failing("GetItem") as failed:
        assert_unavailable(client.refresh(token))
    assert failed
    again = client.refresh(token)
    assert again.status == 200
    assert client.refresh(again.json["refresh_token"]).status == 200


def test_reuse_that_could_not_end_the_session_is_not_forgotten(client: Client, user: User) -> None:
    first = client.sign_in(user.username).json["refresh_token"]
    newest = client.refresh(client.refresh(first).json["refresh_token"]).json["refresh_token"]
    with failing("TransactWriteItems") as failed:
        assert_unavailable(client.refresh(first))
    assert failed
    assert client.refresh(first).status == 401
    assert client.refresh(newest).status == 401


def test_a_logout_that_failed_does_not_say_that_it_worked(
    client: Client, user: User, contents: Callable[[], list[str]]
) -> None:
    tokens = client.sign_in(user.username).json
    before = contents()
    with failing("TransactWriteItems") as failed:
        assert_unavailable(client.send("POST", "/logout", bearer(tokens["access_token"])))
    assert failed
    assert contents() == before
    assert client.send("POST", "/logout", bearer(tokens["access_token"])).status == 204
    assert client.refresh(tokens["refresh_token"]).status == 401


def test_a_sign_up_that_failed_leaves_name_and_address_free(
    client: Client, contents: Callable[[], list[str]]
) -> None:
    account = {"username": "zoe", "email": "zoe@example.com", "password": "a good long password"}
    with failing("TransactWriteItems") as failed:
        assert_unavailable(client.json("/users", account))
    assert failed
    assert contents() == []
    assert client.json("/users", account).status == 201


@pytest.mark.parametrize(
    ("operation", "method", "path"),
    [
        ("Query", "GET", "/comments"),
        ("PutItem", "POST", "/comments"),
        ("GetItem", "GET", "/comments/{id}"),
        ("GetItem", "DELETE", "/comments/{id}"),
        ("DeleteItem", "DELETE", "/comments/{id}"),
        ("UpdateItem", "POST", "/comments/{id}/flags"),
        ("GetItem", "GET", "/comments/{id}/history"),
    ],
)
def test_a_comment_that_cannot_be_reached_is_503_and_as_it_was(
    client: Client,
    services: Services,
    admin: User,
    contents: Callable[[], list[str]],
    operation: str,
    method: str,
    path: str,
) -> None:
    headers = {**bearer(client.access_token(admin.username)), "Content-Type": "application/json"}
    comment_id = client.send("POST", "/comments", headers, '{"message": "a"}').json["comment_id"]
    before = contents()
    with failing(operation) as failed:
        reply = client.send(method, path.replace("{id}", comment_id), headers, '{"message": "b"}')
    assert_unavailable(reply)
    assert failed
    assert contents() == before


def test_a_user_added_while_a_transaction_holds_the_address_is_told_to_try_again(
    services: Services, contents: Callable[[], list[str]]
) -> None:
    conflict = {
        "Error": {"Code": "TransactionCanceledException", "Message": ""},
        "CancellationReasons": [{"Code": "None"}, {"Code": "TransactionConflict"}],
    }
    with _answered("TransactWriteItems", conflict), pytest.raises(StoreUnavailableError):
        new_user(services)
    assert contents() == []


@contextmanager
def _answered(operation: str, error: Mapping[str, object]) -> Iterator[None]:
    """Lets DynamoDB answer `operation` with `error`."""

    class Refusal:
        status_code = 400

    def answer(**_: object) -> Any:
        return Refusal, {**error, "ResponseMetadata": {}}

    events = connect("dynamodb").meta.events
    events.register(f"before-call.dynamodb.{operation}", answer)
    try:
        yield
    finally:
        events.unregister(f"before-call.dynamodb.{operation}", answer)
