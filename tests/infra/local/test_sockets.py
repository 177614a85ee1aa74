"""The local gateway over sockets, with many threads."""

import http.client
import json
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from infra.local.gateway import MAX_BODY_LENGTH
from tests.infra.local.world import THREADS, World
from tests.support.served import served

# ---- Over sockets ----


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
