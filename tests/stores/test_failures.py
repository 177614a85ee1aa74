"""A store that cannot be reached is a `StoreUnavailableError`, 503 to a client, and nothing is half written."""

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest
from botocore.config import Config

from chalicelib.accounts.throttle import Limit
from chalicelib.errors import StoreUnavailableError
from chalicelib.keys.material import new_hmac_key
from chalicelib.keys.ring import KeyEntry, Purpose
from chalicelib.keys.rotation import KeySchedule, Succession
from chalicelib.model import Comment, CommentEvent, Device, EndReason, EpochChange, Principal, PrincipalKind, User
from chalicelib.sample.comment_store import CommentStore
from chalicelib.services import Services, assemble, install
from chalicelib.stores import aws
from chalicelib.stores.attempts import AttemptStore, address_key
from chalicelib.stores.keys import KeyRingStore
from chalicelib.stores.revocations import RevocationStore
from chalicelib.stores.sessions import SessionStore
from chalicelib.stores.sign_ins import SignInStore
from chalicelib.stores.users import UserStore
from chalicelib.tokens.revocations import Kind
from tests.conftest import CHEAP
from tests.stores.test_sessions import ROTATION, SESSION
from tests.support.client import Client, Clock, Reply, bearer

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
def refusing() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
    yield port


@contextmanager
def _silent() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listening:
        yield listening.getsockname()[1]


WAYS: dict[str, Callable[[], Any]] = {
    "refused": refusing,
    "silent": _silent,
    **{name: partial(_answering, answer) for name, answer in ANSWERS.items()},
}


@pytest.fixture(params=WAYS)
def broken(
    request: pytest.FixtureRequest, services: Services, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Services]:
    """A services whose every call to AWS fails in one way."""
    with WAYS[request.param]() as port:
        monkeypatch.setattr(aws, "_CONFIG", HASTY)
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
        monkeypatch.setattr("chalicelib.services.connect", aws.connect)
        yield replace(assemble(os.environ), profile=CHEAP, clock=clock)


# --- Every method of every store

USER = User(sub=SESSION.sub, username="zoe", email="zoe@example.com", password_hash="a hash", scope=frozenset())
DEVICE = Device("192.0.2.7", "")
HMAC = new_hmac_key(b"\0\0\0\1", b"k" * 32)
ENTRY = KeyEntry(HMAC.kid, Purpose.REFRESH_TOKEN, "HS256", b"sealed", 0, 0)
SLOT = KeySchedule(1, 0, 0)
ZOE = Principal(PrincipalKind.USER, "zoe")
COMMENT = Comment("c1", ZOE, "Hello", 10)
EVENT = CommentEvent("flagged", ZOE, 20)


CALLS: dict[type, dict[str, Callable[[Services], object]]] = {
    UserStore: {
        "by_sub": lambda services: services.users.by_sub("sub"),
        "sub_of": lambda services: services.users.sub_of("zoe"),
        "by_username": lambda services: services.users.by_username("zoe"),
        "names": lambda services: services.users.names({"sub"}),
        "rename": lambda services: services.users.rename(USER, "another"),
        "add": lambda services: services.users.add(USER),
        "advance_epoch": lambda services: services.users.advance_epoch(
            USER, EpochChange(1, 10, EndReason.LOGOUT, None)
        ),
        "enable": lambda services: services.users.enable(USER),
        "all": lambda services: list(services.users.all()),
        "end_sessions": lambda services: services.users.end_sessions(
            USER, EpochChange(1, 10, EndReason.RESTORED, None)
        ),
        "replace_password_hash": lambda services: services.users.replace_password_hash(USER, "a new hash"),
    },
    SessionStore: {
        "add": lambda services: services.session_store.add(SESSION),
        "get": lambda services: services.session_store.get(SESSION.sub, SESSION.session_id),
        "rotate": lambda services: services.session_store.rotate(ROTATION),
        "end": lambda services: services.session_store.end(SESSION.sub, SESSION.session_id, EndReason.LOGOUT, 10),
        "newest": lambda services: list(services.session_store.newest(SESSION.sub)),
    },
    KeyRingStore: {
        "load": lambda services: list(services.key_store.load()),
        "unseal": lambda services: services.key_store.unseal(ENTRY),
        "add": lambda services: services.key_store.add(HMAC, SLOT),
        "retire": lambda services: services.key_store.retire(ENTRY, 10, Succession()),
        "revoke": lambda services: services.key_store.revoke(ENTRY, 10, Succession()),
        "remove": lambda services: services.key_store.remove(ENTRY),
    },
    CommentStore: {
        "add": lambda services: services.comments.store.add(COMMENT),
        "get": lambda services: services.comments.store.get("c1"),
        "page": lambda services: services.comments.store.page(None),
        "delete": lambda services: services.comments.store.delete("c1"),
        "append_event": lambda services: services.comments.store.append_event("c1", EVENT),
    },
    RevocationStore: {
        "transact": lambda services: services.revocations.transact(
            services.revocations.entry(Kind.USER, "sub", 10)
        ),
        "end_token": lambda services: services.revocations.end_token("client", "jti", 10),
        "read": lambda services: list(services.revocations.read(0, 10)),
    },
    AttemptStore: {
        "count": lambda services: services.attempts.count(address_key("192.0.2.7"), Limit(1, 1), 10),
        "count_hashing": lambda services: services.attempts.count_hashing("192.0.2.7", 10),
        "count_sign_up": lambda services: services.attempts.count_sign_up("zoe@example.com", "192.0.2.7", 10),
    },
    SignInStore: {
        "look_up": lambda services: services.credentials.sign_ins.look_up("zoe", "192.0.2.7", 10),
        "record_failure": lambda services: services.credentials.sign_ins.record_failure("zoe", DEVICE, 10),
    },
}


def test_no_method_is_forgotten() -> None:
    only_described = {(RevocationStore, "entry")}  # asks nothing
    for store, calls in CALLS.items():
        methods = {name for name, member in vars(store).items() if callable(member) and not name.startswith("_")}
        assert methods - set(calls) == {name for kind, name in only_described if kind is store}


def test_every_call_to_a_broken_aws_says_so(broken: Services) -> None:
    for store, calls in CALLS.items():
        for name, call in calls.items():
            error = _caught(call, broken)
            assert error, f"{store.__name__}.{name} did not notice"
            assert error.retry_after > 0
            assert error.detail  # for the log alone
            assert str(error) == "The service is briefly unavailable. Please try again."


def _caught(call: Callable[[Services], object], services: Services) -> StoreUnavailableError | None:
    try:
        call(services)
    except StoreUnavailableError as error:
        return error
    return None


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
    client: Client, user: User, tokens: dict[str, str], broken: Services
) -> None:
    install(broken)
    assert_unavailable(client.sign_in(user.username))
    assert_unavailable(client.sign_in("nobody-of-this-name"))
    assert_unavailable(client.refresh(tokens["refresh_token"]))
    assert_unavailable(client.send("GET", "/.well-known/jwks.json"))
    assert_unavailable(
        client.json("/users", {"username": "zoe", "email": "zoe@example.com", "password": "a good long password"})
    )
    for method, target in (("GET", "/me"), ("GET", "/comments"), ("POST", "/logout"), ("GET", "/me/sessions")):
        assert_unavailable(client.send(method, target, bearer(tokens["access_token"])))
