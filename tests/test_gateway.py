"""The local gateway answers as API Gateway does: in process, and over sockets with many threads."""

import base64
import http.client
import json
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Barrier, Thread
from typing import Any

import pytest
from chalice import Chalice, Response
from chalice.app import AuthRequest
from chalice.local import LocalARNBuilder

from infra import authorization
from infra.gateway import MAX_ARN_LENGTH, MAX_BODY_LENGTH, Answer, Gateway
from infra.http_server import GatewayServer

TTL = 60
THREADS = 16
API = LocalARNBuilder().build_arn("*", "/").removesuffix("*//")


def arn(method: str, path: str) -> str:
    return f"{API}{method}{path}"


def policy(*statements: tuple[str, str | list[str]]) -> dict[str, Any]:
    return {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": effect, "Action": "execute-api:Invoke", "Resource": resource}
            for effect, resource in statements
        ],
    }


ALL = policy(("Allow", f"{API}*"))


def allowing(document: Any = ALL, **context: Any) -> dict[str, Any]:
    return {"principalId": "somebody", "policyDocument": document, "context": context}


@dataclass
class World:
    """A small app behind a gateway: the authorizer gives `answer`, or raises it, and keeps what it was asked."""

    answer: Any = field(default_factory=allowing)
    asked: list[AuthRequest] = field(default_factory=list)
    now: float = 0.0
    everyone: Barrier = field(default_factory=lambda: Barrier(THREADS))

    def __post_init__(self) -> None:
        self.app = make_app(self)
        self.gateway = Gateway(self.app, lambda: self.now)

    def get(self, path: str, *headers: tuple[str, str], method: str = "GET", body: bytes = b"") -> Answer:
        return self.gateway.handle(method, path, headers, body, "192.0.2.7")

    def event(
        self, path: str, *headers: tuple[str, str], method: str = "GET", body: bytes = b""
    ) -> dict[str, Any]:
        answer = self.get(path, *headers, method=method, body=body)
        assert answer.status == 200, answer
        event: dict[str, Any] = json.loads(answer.body)
        return event

    def guarded(self, token: str = "abc", path: str = "/guarded", method: str = "GET") -> Answer:  # noqa: S107
        return self.get(path, ("Authorization", f"Bearer {token}"), method=method)


def make_app(world: World) -> Chalice:
    app = Chalice(app_name="small")
    media_types = ["application/json", "text/plain", "image/png"]

    @app.authorizer(name="gate", ttl_seconds=TTL)
    def gate(request: AuthRequest) -> Any:
        world.asked.append(request)
        if isinstance(world.answer, Exception):
            raise world.answer
        return world.answer

    def echo(**_: str) -> Any:
        assert app.current_request
        return app.current_request.to_original_event()

    def meet(**_: str) -> Any:
        world.everyone.wait(timeout=30)  # every thread's request is under way before any of them is read
        return echo()

    def two_cookies() -> Response:
        return Response(body="", status_code=204, headers={"Set-Cookie": ["a=1", "b=2"]})

    def picture() -> Response:
        return Response(body=b"\x89PNG", headers={"Content-Type": "image/png"})

    def problem() -> Response:
        return Response(
            body={"status": 401},
            status_code=401,
            headers={"Content-Type": "application/problem+json", "WWW-Authenticate": "Bearer"},
        )

    app.route("/", methods=["GET"])(echo)
    app.route("/open", methods=["GET", "POST"], content_types=media_types)(echo)
    app.route("/things/{thing_id}", methods=["GET"])(echo)
    app.route("/things/fixed", methods=["GET"])(echo)
    app.route("/cookies", methods=["GET"])(two_cookies)
    app.route("/picture", methods=["GET"])(picture)
    app.route("/problem", methods=["GET"])(problem)
    app.route("/pages", methods=["GET"], cors=True)(echo)
    app.route("/guarded", methods=["GET", "DELETE"], authorizer=gate)(echo)
    app.route("/guarded/{thing_id}", methods=["GET"], authorizer=gate)(echo)
    app.route("/meeting/{thing_id}", methods=["GET"], authorizer=gate)(meet)
    return app


@pytest.fixture
def world() -> World:
    return World()


def header(answer: Answer, name: str) -> str | None:
    return next((value for key, value in answer.headers if key.lower() == name.lower()), None)


def assert_problem(answer: Answer, status: int, detail: str) -> None:
    problem = json.loads(answer.body)
    assert (answer.status, problem["status"], problem["detail"]) == (status, status, detail)
    assert problem["type"] == "about:blank"
    assert header(answer, "Content-Type") == "application/problem+json"
    assert header(answer, "Access-Control-Allow-Origin") == "*"
    assert header(answer, "Cache-Control") == "no-store"


def assert_unauthorized(answer: Answer) -> None:
    assert_problem(answer, 401, "A valid access token is required.")
    assert header(answer, "WWW-Authenticate") == 'Bearer realm="gatehouse"'


def assert_denied(answer: Answer) -> None:
    assert_problem(answer, 403, "The access token does not allow this request.")
    assert header(answer, "WWW-Authenticate") == 'Bearer realm="gatehouse", error="insufficient_scope"'


def assert_nothing_here(answer: Answer) -> None:
    assert_problem(answer, 404, "There is nothing here.")


# ---- Whether the authorizer is asked ----


def test_a_route_without_authorizer_needs_none(world: World) -> None:
    assert "authorizer" not in world.event("/open")["requestContext"]
    assert world.asked == []


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("Authorization", "")],
        [("Authorization", "Bearer")],
        [("Authorization", "Bearer ")],
        [("Authorization", "Basic ZGVtbzpkZW1v")],
        [("Authorization", "abc")],
        [("Authorization", "Bearer abc def")],
        [("Authorization", "Bearer abc\n")],
        [("Authorization", "Bearer äbc")],
        [("Authorization", "Bearer " + "a" * 8193)],
        [("Authorization", "Bearer abc"), ("authorization", "Bearer abc")],
        [("X-Authorization", "Bearer abc")],
    ],
)
def test_what_is_no_bearer_token_never_reaches_the_authorizer(
    world: World, headers: list[tuple[str, str]]
) -> None:
    assert_unauthorized(world.get("/guarded", *headers))
    assert world.asked == []


@pytest.mark.parametrize("text", ["Bearer abc", "bearer abc", "BEARER  a.b_c-d~e+f/g==", "Bearer " + "a" * 8192])
def test_a_bearer_token_reaches_the_authorizer_as_it_was_sent(world: World, text: str) -> None:
    assert world.get("/guarded", ("aUTHORIZATION", text)).status == 200
    assert [(request.auth_type, request.token) for request in world.asked] == [("TOKEN", text)]


def test_the_authorizer_gets_the_arn_of_the_request_as_sent_without_its_query(world: World) -> None:
    world.guarded(path="/guarded/a%2Fb/?secret=1")
    assert world.asked[0].method_arn == arn("GET", "/guarded/a%2Fb/")


# ---- What the authorizer answers ----


def test_exactly_unauthorized_is_401(world: World) -> None:
    world.answer = Exception("Unauthorized")
    assert_unauthorized(world.guarded())


@pytest.mark.parametrize(
    "error", [Exception("unauthorized"), Exception("Unauthorized "), ValueError("x"), KeyError(1)]
)
def test_any_other_failure_is_the_authorizers(world: World, error: Exception) -> None:
    world.answer = error
    answer = world.guarded()
    assert_problem(answer, 503, "The service is briefly unavailable. Please try again.")
    assert header(answer, "Retry-After") == "1"


def test_an_answer_that_is_not_json_is_a_failure_of_the_authorizer(world: World) -> None:
    world.answer = {**allowing(), "context": {"when": object()}}
    assert world.guarded().status == 503


def without(key: str) -> dict[str, Any]:
    return {name: value for name, value in allowing().items() if name != key}


@pytest.mark.parametrize(
    "answer",
    [
        None,
        [],
        "Allow",
        {},
        without("principalId"),
        without("policyDocument"),
        {**allowing(), "principalId": None},
        {**allowing(), "principalId": ""},
        {**allowing(), "context": []},
        allowing(None),
        allowing({}),
        allowing("Allow"),
        allowing({"Statement": None}),
        allowing({"Statement": ["Allow"]}),
        allowing(policy(("allow", f"{API}*"))),
        allowing(policy(("Allow", []))),
        allowing({"Statement": [{"Effect": "Allow", "Action": "execute-api:Invoke"}]}),
        allowing({"Statement": [{"Effect": "Allow", "Resource": "*"}]}),
        allowing({"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {}}]}),
        allowing({"Statement": [{"Effect": "Allow", "Action": "*", "NotResource": "*"}]}),
        allowing(policy(("Allow", f"{API}*"), ("Deny", "x" * (authorization.MAX_RESOURCE_LENGTH + 1)))),
        allowing(scopes=["a"]),
        allowing(claims={"a": 1}),
        allowing(session=None),
    ],
)
def test_a_malformed_answer_is_a_misconfigured_authorizer(world: World, answer: Any) -> None:
    world.answer = answer
    assert_problem(world.guarded(), 500, "The request could not be completed.")


@pytest.mark.parametrize(
    ("value", "text"), [("a", "a"), (True, "true"), (False, "false"), (7, "7"), (1.5, "1.5"), ("ä", "ä"), ("", "")]
)
def test_context_scalars_arrive_as_strings(world: World, value: Any, text: str) -> None:
    world.answer = allowing(value=value)
    context = json.loads(world.guarded().body)["requestContext"]["authorizer"]
    assert context == {"value": text, "principalId": "somebody", "integrationLatency": 0}


# ---- The policy ----


@pytest.mark.parametrize(
    ("document", "allowed"),
    [
        (policy(("Allow", arn("GET", "/guarded"))), True),
        (policy(("Allow", [arn("GET", "/other"), arn("GET", "/guarded")])), True),
        ({"Statement": {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": "*"}}, True),
        ({"Statement": [{"Effect": "Allow", "Action": ["s3:*", "EXECUTE-API:invoke"], "Resource": "*"}]}, True),
        ({"Statement": [{"Effect": "Allow", "Action": "execute-api:*", "Resource": "*"}]}, True),
        ({"Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}, False),
        (policy(("Allow", f"{API}*/guarded")), True),
        (policy(("Allow", f"{API}GET/guard??")), True),
        (policy(("Allow", f"{API}GET/guard???")), False),
        (policy(("Allow", f"{API}GET/guarde")), False),
        (policy(("Allow", f"{API}GET/guarded/")), False),
        (policy(("Allow", f"{API}GET/GUARDED")), False),
        (policy(("Allow", f"{API}GET/.uarded")), False),
        (policy(("Allow", arn("POST", "/guarded"))), False),
        (policy(), False),
        (policy(("Deny", f"{API}*")), False),
        (policy(("Allow", f"{API}*"), ("Deny", arn("GET", "/guarded"))), False),
        (policy(("Deny", arn("GET", "/guarded")), ("Allow", f"{API}*")), False),
        (policy(("Allow", f"{API}*"), ("Deny", arn("GET", "/other"))), True),
    ],
)
def test_the_policy_is_read_as_iam_reads_it(world: World, document: Any, allowed: bool) -> None:
    world.answer = allowing(document)
    answer = world.guarded()
    if allowed:
        assert answer.status == 200
    else:
        assert_denied(answer)


def test_a_wildcard_runs_across_slashes(world: World) -> None:
    world.answer = allowing(policy(("Allow", f"{API}GET/g*")))
    assert world.guarded(path="/guarded/a").status == 200


# ---- The cache ----


def test_an_answer_is_kept_for_the_authorizers_time_and_no_longer(world: World) -> None:
    for now, calls in ((0.0, 1), (TTL - 0.1, 1), (float(TTL), 2)):
        world.now = now
        world.guarded()
        assert len(world.asked) == calls


def test_a_kept_answer_is_read_again_for_each_route(world: World) -> None:
    world.answer = allowing(policy(("Allow", arn("GET", "/guarded"))))
    assert world.guarded().status == 200
    assert_denied(world.guarded(method="DELETE"))
    assert_denied(world.guarded(path="/guarded/a"))
    assert len(world.asked) == 1


def test_each_token_has_its_own_answer(world: World) -> None:
    world.guarded("one")
    world.answer = allowing(policy(("Deny", "*")))
    assert_denied(world.guarded("two"))
    assert world.guarded("one").status == 200


def test_a_401_is_not_kept(world: World) -> None:
    world.answer = Exception("Unauthorized")
    world.guarded()
    world.answer = allowing()
    assert world.guarded().status == 200


def test_what_the_authorizer_does_with_its_answer_later_changes_nothing(world: World) -> None:
    world.answer = allowing(policy(("Deny", "*")))
    world.guarded()
    world.answer["policyDocument"]["Statement"][0]["Effect"] = "Allow"
    assert_denied(world.guarded())


# ---- Routes ----


@pytest.mark.parametrize(
    "path",
    [
        "/nothing",
        "/things",
        "/things/",
        "/things//",
        "/things/a/b",
        "//open",
        "/open//",
        "/Open",
        "/open;x",
        "*",
    ],
)
def test_an_unknown_path_is_nothing(world: World, path: str) -> None:
    assert_nothing_here(world.get(path))


@pytest.mark.parametrize("method", ["HEAD", "PATCH", "PUT", "OPTIONS", "TRACE", "get", "BREW", ""])
def test_a_method_that_the_route_does_not_serve_is_nothing(world: World, method: str) -> None:
    assert_nothing_here(world.get("/open", method=method))


def test_an_unknown_route_does_not_echo_the_authorization_header(world: World) -> None:
    answer = world.get("/nothing", ("Authorization", "Bearer very-secret"))
    assert_nothing_here(answer)
    assert "very-secret" not in str(answer)


@pytest.mark.parametrize(
    ("path", "resource", "parameters"),
    [
        ("/", "/", None),
        ("/?a=1", "/", None),
        ("/open/", "/open", None),
        ("/things/fixed", "/things/fixed", None),
        ("/things/a", "/things/{thing_id}", {"thing_id": "a"}),
        ("/things/a/", "/things/{thing_id}", {"thing_id": "a"}),
        ("/things/a%2Fb%20c", "/things/{thing_id}", {"thing_id": "a/b c"}),
        ("/things/%C3%A4", "/things/{thing_id}", {"thing_id": "ä"}),
        ("/things/%ff%zz", "/things/{thing_id}", {"thing_id": "\ufffd%zz"}),
        ("/things/{thing_id}", "/things/{thing_id}", {"thing_id": "{thing_id}"}),
        ("/things/a+b", "/things/{thing_id}", {"thing_id": "a+b"}),
    ],
)
def test_a_path_leads_to_its_resource(
    world: World, path: str, resource: str, parameters: dict[str, str] | None
) -> None:
    event = world.event(path)
    assert (event["resource"], event["pathParameters"]) == (resource, parameters)


def test_a_preflight_is_answered_without_the_app(world: World) -> None:
    answer = world.get("/pages", ("Origin", "http://127.0.0.1:3000"), method="OPTIONS")
    assert (answer.status, answer.body) == (200, b"")
    assert header(answer, "Access-Control-Allow-Origin") == "*"
    assert header(answer, "Access-Control-Allow-Methods") == "GET,OPTIONS"


# ---- The event ----


def test_header_names_are_lower_case_and_no_line_is_lost(world: World) -> None:
    event = world.event("/open", ("X-One", "1"), ("x-ONE", "2"), ("Accept", "*/*"))
    assert event["headers"] == {"x-one": "2", "accept": "*/*"}
    assert event["multiValueHeaders"] == {"x-one": ["1", "2"], "accept": ["*/*"]}


def test_the_query_is_decoded(world: World) -> None:
    event = world.event("/open?a=1&a=2&b=%C3%A4+x&c=")
    assert event["queryStringParameters"] == {"a": "2", "b": "ä x", "c": ""}
    assert event["multiValueQueryStringParameters"] == {"a": ["1", "2"], "b": ["ä x"], "c": [""]}
    assert world.event("/open")["multiValueQueryStringParameters"] is None


def test_the_request_context_is_api_gateways(world: World) -> None:
    event = world.event("/things/a/?b=1", ("User-Agent", "test/1"))
    context = event["requestContext"]
    assert context.pop("requestId")
    assert context == {
        "accountId": "123456789012",
        "apiId": "ymy8tbxw7b",
        "stage": "api",
        "httpMethod": "GET",
        "resourcePath": "/things/{thing_id}",
        "path": "/things/a/",
        "protocol": "HTTP/1.1",
        "identity": {"sourceIp": "192.0.2.7", "userAgent": "test/1"},
    }
    assert (event["path"], event["httpMethod"]) == ("/things/a/", "GET")


@pytest.mark.parametrize(
    ("content_type", "sent", "body", "is_base64"),
    [
        ("application/json", b"", None, False),
        ("text/plain", "ä".encode(), "ä", False),
        ("text/plain", b"\xff\x00\xfe", "\ufffd\x00\ufffd", False),
        ("image/png", b"\x89PNG", base64.b64encode(b"\x89PNG").decode(), True),
    ],
)
def test_the_body_arrives_as_text(
    world: World, content_type: str, sent: bytes, body: str | None, is_base64: bool
) -> None:
    event = world.event("/open", ("Content-Type", content_type), method="POST", body=sent)
    assert (event["body"], event["isBase64Encoded"]) == (body, is_base64)


# ---- The answer ----


def test_the_apps_own_answer_is_passed_on(world: World) -> None:
    answer = world.get("/problem")
    assert (answer.status, json.loads(answer.body)) == (401, {"status": 401})
    assert header(answer, "Content-Type") == "application/problem+json"
    assert header(answer, "WWW-Authenticate") == "Bearer"


def test_a_header_may_come_twice(world: World) -> None:
    answer = world.get("/cookies")
    assert [value for name, value in answer.headers if name == "Set-Cookie"] == ["a=1", "b=2"]


def test_a_binary_answer_is_decoded(world: World) -> None:
    assert world.get("/picture", ("Accept", "image/png")).body == b"\x89PNG"


def test_an_app_that_fails_is_500(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(world.app), "__call__", lambda *_: {"statusCode": 200})
    assert_problem(world.get("/open"), 500, "The request could not be completed.")


# ---- Sizes ----


def test_an_arn_that_is_too_long_is_414(world: World) -> None:
    longest = MAX_ARN_LENGTH - len(arn("GET", "/things/"))
    assert world.get("/things/" + "a" * longest + "?" + "q" * 2000).status == 200
    assert_problem(world.get("/things/" + "a" * (longest + 1)), 414, "URI is too long")


def test_a_body_that_is_too_long_is_413(world: World) -> None:
    headers = ("Content-Type", "text/plain")
    assert world.get("/open", headers, method="POST", body=b"a" * MAX_BODY_LENGTH).status == 200
    answer = world.get("/open", headers, method="POST", body=b"a" * (MAX_BODY_LENGTH + 1))
    assert_problem(answer, 413, "The request body is too large.")


# ---- Over sockets ----


@contextmanager
def served(gateway: Gateway) -> Iterator[int]:
    with GatewayServer(0) as server:
        server.listen(gateway)
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def connection(world: World) -> Iterator[http.client.HTTPConnection]:
    with served(world.gateway) as port:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        yield connection
        connection.close()


Send = Callable[[http.client.HTTPConnection], None]


def sends(method: str, path: str, body: bytes | None = None, **headers: str) -> Send:
    return lambda connection: connection.request(method, path, body, headers)


@pytest.mark.parametrize(
    ("send", "status"),
    [
        (sends("GET", "/open"), 200),
        (sends("GET", "/cookies"), 204),
        (sends("OPTIONS", "/pages"), 200),
        (sends("HEAD", "/open"), 404),
        (sends("BREW", "/open", b"coffee"), 404),
        (sends("POST", "/nothing", b"body that nobody reads"), 404),
        (sends("POST", "/open", b"\xff", **{"Content-Type": "text/plain"}), 200),
        (sends("GET", "/guarded", b"body"), 401),
        (sends("GET", "/things/" + "a" * 3000), 414),
        (sends("POST", "/open", bytes(MAX_BODY_LENGTH + 1)), 413),
    ],
)
def test_a_connection_stays_open_after_every_kind_of_answer(
    connection: http.client.HTTPConnection, send: Send, status: int
) -> None:
    connection.connect()
    socket_before = connection.sock
    for _ in range(2):
        send(connection)
        response = connection.getresponse()
        response.read()
        assert response.status == status
    assert connection.sock is socket_before


def exchange(port: int, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as peer:
        peer.sendall(request)
        return b"".join(iter(lambda: peer.recv(65536), b""))


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        ("Content-Length: abc", 400),
        ("Content-Length: -1", 400),
        ("Content-Length: +1", 400),
        ("Content-Length: 1_0", 400),
        ("Content-Length: ²", 400),
        ("Content-Length: " + "1" * 5000, 400),
        ("Content-Length: 1\r\nContent-Length: 2", 400),
        ("Transfer-Encoding: chunked", 411),
        ("\r\n".join(f"X-{number}: 1" for number in range(200)), 431),
    ],
)
def test_a_body_of_unknown_length_is_refused_and_the_connection_ends(
    world: World, lines: str, status: int
) -> None:
    smuggled = "GET /open HTTP/1.1\r\nHost: x\r\n\r\n"
    request = f"POST /open HTTP/1.1\r\nHost: x\r\n{lines}\r\n\r\n{smuggled}".encode("latin-1")
    with served(world.gateway) as port:
        head, _, body = exchange(port, request).partition(b"\r\n\r\n")
    assert head.startswith(f"HTTP/1.1 {status} ".encode())
    assert json.loads(body)["status"] == status


@pytest.mark.parametrize("line", ["GET", "GET / HTTP/x", "GET /open HTTP/9.9", "\x00\x01 / HTTP/1.1 more"])
def test_a_request_line_that_cannot_be_read_is_a_problem_too(world: World, line: str) -> None:
    with served(world.gateway) as port:
        answer = exchange(port, f"{line}\r\nHost: x\r\n\r\n".encode())
    assert json.loads(answer.partition(b"\r\n\r\n")[2] or answer)["type"] == "about:blank"


def test_the_log_has_method_path_and_status_alone(
    connection: http.client.HTTPConnection, capsys: pytest.CaptureFixture[str]
) -> None:
    connection.request("GET", "/things/%1b?token=very-secret", headers={"Authorization": "Bearer very-secret"})
    connection.getresponse().read()
    assert capsys.readouterr().err == "GET /things/%1b 200\n"


def test_no_answer_is_anothers(world: World) -> None:
    def one_thread(thread: int) -> int:
        own = 0
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        for number in range(50):
            name = f"{thread}-{number}"
            headers = {"Authorization": f"Bearer token{thread}", "X-Name": name}
            client.request("GET", f"/meeting/{name}?q={name}", headers=headers)
            event = json.loads(client.getresponse().read())
            heard = {
                event["headers"]["x-name"],
                event["pathParameters"]["thing_id"],
                event["queryStringParameters"]["q"],
            }
            own += heard == {name} and event["headers"]["authorization"] == f"Bearer token{thread}"
        client.close()
        return own

    with served(world.gateway) as port, ThreadPoolExecutor(THREADS) as pool:
        assert list(pool.map(one_thread, range(THREADS))) == [50] * THREADS
