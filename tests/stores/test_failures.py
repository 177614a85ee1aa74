"""A store that cannot be reached is a `StoreUnavailableError`, and 503 to a client; nothing is ever half written."""

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest
from botocore.config import Config

from chalicelib import runtime
from chalicelib.errors import StoreUnavailableError
from chalicelib.key_material import new_hmac_key
from chalicelib.keys import KeyEntry, Purpose
from chalicelib.model import Comment, CommentEvent, Device, EpochChange, User
from chalicelib.revocations import Kind, Revocation
from chalicelib.rotation import Slot
from chalicelib.runtime import Runtime
from chalicelib.stores import aws
from chalicelib.stores.attempts import AttemptStore, address_key
from chalicelib.stores.comments import CommentStore
from chalicelib.stores.dynamodb import Table
from chalicelib.stores.keys import KeyRingStore
from chalicelib.stores.revocations import RevocationStore
from chalicelib.stores.sessions import SessionStore
from chalicelib.stores.sign_ins import SignInStore
from chalicelib.stores.users import UserStore
from chalicelib.throttle import Limit
from tests.aws_calls import failing
from tests.client import Client, Clock, Reply, bearer
from tests.conftest import CHEAP, connect, new_user
from tests.stores.test_sessions import ROTATION, SESSION

HASTY = Config(connect_timeout=0.2, read_timeout=0.1, retries={"total_max_attempts": 1})

# --- Ways to fail


class _Handler(BaseHTTPRequestHandler):
    """Answers every call with what the server was told: an error of AWS, or bytes as they are."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        answer: bytes = self.server.answer  # type: ignore[attr-defined]
        self.wfile.write(answer)
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the name is the library's)
        pass


def _http(status: str, body: bytes, length: int | None = None) -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/x-amz-json-1.0\r\n"
    return f"{head}Content-Length: {len(body) if length is None else length}\r\n\r\n".encode() + body


def _error(status: str, code: str) -> bytes:
    return _http(status, b'{"__type": "com.amazonaws.dynamodb.v20120810#%s"}' % code.encode())


ANSWERS = {
    "500": _error("500 Internal Server Error", "InternalServerError"),
    "503 without a word": _http("503 Service Unavailable", b""),
    "throttled": _error("400 Bad Request", "ProvisionedThroughputExceededException"),
    "throttled by the account": _error("400 Bad Request", "ThrottlingException"),
    "not allowed": _error("400 Bad Request", "AccessDeniedException"),
    "no such table": _error("400 Bad Request", "ResourceNotFoundException"),
    "half an answer": _http("200 OK", b'{"Item": {"pk": {"S": "user', 500),
    "half a document": _http("200 OK", b'{"Item": {"pk": {"S": "user'),
    "another's answer": _http("200 OK", b"<html>Welcome</html>"),
    "no answer": b"",
    "no HTTP": b"\0\0\0\0\r\n\r\n",
}


@contextmanager
def _answering(answer: bytes) -> Iterator[int]:
    with HTTPServer(("127.0.0.1", 0), _Handler) as server:
        server.answer = answer  # type: ignore[attr-defined]
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@contextmanager
def _refusing() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
    yield port


@contextmanager
def _silent() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listening:
        yield listening.getsockname()[1]


WAYS: dict[str, Callable[[], Any]] = {
    "refused": _refusing,
    "silent": _silent,
    **{name: lambda answer=answer: _answering(answer) for name, answer in ANSWERS.items()},
}


@pytest.fixture(params=WAYS)
def broken(
    request: pytest.FixtureRequest, house: Runtime, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Runtime]:
    """A house whose every call to AWS fails in one way."""
    with WAYS[request.param]() as port:
        monkeypatch.setattr(aws, "_CONFIG", HASTY)
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
        monkeypatch.setattr(runtime, "connect", aws.connect)
        yield replace(runtime.assemble(os.environ), profile=CHEAP, clock=clock)


# --- Every method of every store

USER = User(sub=SESSION.sub, username="zoe", email="zoe@example.com", password_hash="a hash", scope=frozenset())
DEVICE = Device("192.0.2.7", "")
HMAC = new_hmac_key(b"\0\0\0\1", b"k" * 32)
ENTRY = KeyEntry(HMAC.kid, Purpose.REFRESH_TOKEN, "HS256", b"sealed", 0, 0)
SLOT = Slot(1, 0, 0)
COMMENT = Comment("c1", "zoe", "Hello", 10)
EVENT = CommentEvent("flagged", "admin", 20)


def _comments(house: Runtime) -> CommentStore:
    return CommentStore(Table(runtime.connect("dynamodb"), house.settings.comments_table))


def _attempts(house: Runtime) -> AttemptStore:
    return AttemptStore(Table(runtime.connect("dynamodb"), house.settings.attempts_table))


CALLS: dict[type, dict[str, Callable[[Runtime], object]]] = {
    UserStore: {
        "by_username": lambda house: house.users.by_username("zoe"),
        "add": lambda house: house.users.add(USER),
        "raise_epoch": lambda house: house.users.raise_epoch(USER, EpochChange(1, 10, "logout", None)),
        "replace_password_hash": lambda house: house.users.replace_password_hash(USER, "a new hash"),
    },
    SessionStore: {
        "add": lambda house: house.session_store.add(SESSION),
        "get": lambda house: house.session_store.get(SESSION.sub, SESSION.session_id),
        "rotate": lambda house: house.session_store.rotate(ROTATION),
        "end": lambda house: house.session_store.end(SESSION.sub, SESSION.session_id, "logout", 10),
        "of_user": lambda house: house.session_store.of_user(SESSION.sub),
        "page": lambda house: house.session_store.page(SESSION.sub, None),
    },
    KeyRingStore: {
        "load": lambda house: list(house.key_store.load()),
        "unseal": lambda house: house.key_store.unseal(ENTRY),
        "add": lambda house: house.key_store.add(HMAC, SLOT),
        "revoke": lambda house: house.key_store.revoke(ENTRY, 10, None),
        "remove": lambda house: house.key_store.remove(ENTRY),
    },
    CommentStore: {
        "add": lambda house: _comments(house).add(COMMENT),
        "get": lambda house: _comments(house).get("c1"),
        "page": lambda house: _comments(house).page(None),
        "delete": lambda house: _comments(house).delete("c1"),
        "append_event": lambda house: _comments(house).append_event("c1", EVENT),
    },
    RevocationStore: {
        "add": lambda house: house.revocations.add(Revocation(Kind.SESSION, "s", 10)),
        "since": lambda house: list(house.revocations.since(0, 10)),
    },
    AttemptStore: {"count": lambda house: _attempts(house).count(address_key("192.0.2.7"), Limit(1, 1), 10)},
    SignInStore: {
        "look_up": lambda house: house.credentials.sign_ins.look_up("zoe", "192.0.2.7"),
        "record_failure": lambda house: house.credentials.sign_ins.record_failure("zoe", DEVICE, 10),
    },
}


def test_no_method_is_forgotten() -> None:
    only_described = {(RevocationStore, "put")}  # makes a write for others to send
    for store, calls in CALLS.items():
        methods = {name for name, member in vars(store).items() if callable(member) and not name.startswith("_")}
        assert methods - set(calls) == {name for kind, name in only_described if kind is store}


def test_every_call_to_a_broken_aws_says_so(broken: Runtime) -> None:
    for store, calls in CALLS.items():
        for name, call in calls.items():
            with pytest.raises(StoreUnavailableError) as caught:
                call(broken)
            assert caught.value.retry_after > 0, f"{store.__name__}.{name}"


def test_what_went_wrong_is_for_the_log_alone(broken: Runtime) -> None:
    with pytest.raises(StoreUnavailableError) as caught:
        broken.users.by_username("zoe")
    assert str(caught.value) == "The service is briefly unavailable. Please try again."
    assert caught.value.detail
    assert "zoe" not in caught.value.detail


# --- Through the API


def assert_unavailable(reply: Reply) -> None:
    assert reply.problem() == (503, "The service is briefly unavailable. Please try again.")
    assert int(reply.headers["retry-after"]) > 0
    assert reply.headers["cache-control"] == "no-store"
    assert "set-cookie" not in reply.headers


@pytest.fixture
def tokens(client: Client, user: User) -> dict[str, str]:
    """From before anything broke."""
    given: dict[str, str] = client.sign_in(user.username).json
    return given


def test_no_route_answers_anything_else_while_aws_is_down(
    client: Client, user: User, tokens: dict[str, str], broken: Runtime
) -> None:
    runtime.install(broken)
    assert_unavailable(client.sign_in(user.username))
    assert_unavailable(client.sign_in("nobody-of-this-name"))
    assert_unavailable(client.refresh(tokens["refresh_token"]))
    assert_unavailable(client.send("GET", "/.well-known/jwks.json"))
    assert_unavailable(
        client.json("/users", {"username": "zoe", "email": "zoe@example.com", "password": "a good long password"})
    )
    for method, target in (("GET", "/me"), ("GET", "/comments"), ("POST", "/logout"), ("GET", "/me/sessions")):
        assert_unavailable(client.send(method, target, bearer(tokens["access_token"])))


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
    house: Runtime,
    clock: Clock,
    user: User,
    contents: Callable[[], list[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = contents()
    with _refusing() as port:
        monkeypatch.setattr(aws, "_CONFIG", HASTY)
        monkeypatch.setenv("AWS_ENDPOINT_URL_KMS", f"http://127.0.0.1:{port}")
        monkeypatch.setattr(runtime, "connect", lambda name: aws.connect(name) if name == "kms" else connect(name))
        runtime.install(replace(house))
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
    house: Runtime,
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
    house: Runtime, contents: Callable[[], list[str]]
) -> None:
    conflict = {
        "Error": {"Code": "TransactionCanceledException", "Message": ""},
        "CancellationReasons": [{"Code": "None"}, {"Code": "TransactionConflict"}],
    }
    with _answered("TransactWriteItems", conflict), pytest.raises(StoreUnavailableError):
        new_user(house)
    assert contents() == []


@contextmanager
def _answered(operation: str, error: dict[str, object]) -> Iterator[None]:
    """Lets DynamoDB answer `operation` with `error`."""

    class Refusal:
        status_code = 400

    def answer(**_: object) -> tuple[type[Refusal], dict[str, object]]:
        return Refusal, {**error, "ResponseMetadata": {}}

    events = connect("dynamodb").meta.events
    events.register(f"before-call.dynamodb.{operation}", answer)
    try:
        yield
    finally:
        events.unregister(f"before-call.dynamodb.{operation}", answer)
