"""The local gateway over sockets, with many threads."""

import http.client
import json
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from infra.local.gateway import MAX_BODY_LENGTH
from infra.local.http_server import MAX_HEADER_LENGTH, THREADS
from tests.infra.local.world import THREADS as MEETING
from tests.infra.local.world import World
from tests.support.patience import END
from tests.support.served import served

SMUGGLED = "GET /open HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture(scope="module")
def shared_port() -> Iterator[int]:
    with served(World().gateway) as port:
        yield port


@pytest.fixture
def connection(shared_port: int) -> Iterator[http.client.HTTPConnection]:
    connection = http.client.HTTPConnection("127.0.0.1", shared_port, timeout=END)
    yield connection
    connection.close()


Send = Callable[[http.client.HTTPConnection], None]


def sends(method: str, path: str, body: bytes | None = None, **headers: str) -> Send:
    return lambda connection: connection.request(method, path, body, headers)


def sends_chunks(*chunks: bytes) -> Send:
    headers = {"Content-Type": "text/plain"}
    return lambda connection: connection.request("POST", "/open", iter(chunks), headers, encode_chunked=True)


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
        (sends_chunks(b"one", b"two"), 200),
        (sends("GET", "/guarded", b"body"), 401),
        (sends("GET", "/things/" + "a" * 3000), 414),
        (sends("POST", "/open", bytes(MAX_BODY_LENGTH + 1)), 413),
        (sends_chunks(bytes(MAX_BODY_LENGTH), b"1"), 413),
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


def answered(connection: http.client.HTTPConnection) -> dict[str, object]:
    response = connection.getresponse()
    assert response.status == 200
    event: dict[str, object] = json.loads(response.read())
    return event


def test_a_body_in_chunks_is_one_body(connection: http.client.HTTPConnection) -> None:
    sends_chunks(b"one, ", b"two")(connection)
    assert answered(connection)["body"] == "one, two"


def test_a_request_arrives_as_it_was_sent(connection: http.client.HTTPConnection) -> None:
    connection.putrequest("GET", "/things/a%2Fb%20%c3%a4?q=%2F+&q=2")
    for name, value in (("X-Twice", "1"), ("X-Twice", " ä "), ("X-Forwarded-For", "192.0.2.7")):
        connection.putheader(name, value.encode("latin-1"))
    connection.endheaders()
    sent = answered(connection)
    assert sent["path"] == "/things/a%2Fb%20%c3%a4"
    assert sent["multiValueQueryStringParameters"] == {"q": ["/ ", "2"]}
    assert isinstance(headers := sent["multiValueHeaders"], dict)
    assert headers["x-twice"] == ["1", "ä"]
    assert isinstance(context := sent["requestContext"], dict)
    assert context["identity"]["sourceIp"] == "127.0.0.1", "whatever X-Forwarded-For says"


def test_an_answer_keeps_its_lines_and_says_nothing_of_the_server(connection: http.client.HTTPConnection) -> None:
    connection.request("GET", "/cookies")
    response = connection.getresponse()
    assert response.headers.get_all("Set-Cookie") == ["a=1", "b=2"]
    assert response.headers.get_all("Date")
    assert not {"server", "content-length", "transfer-encoding"} & {name.lower() for name in response.headers}


def exchange(port: int, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=END) as peer:
        peer.sendall(request)
        return b"".join(iter(lambda: peer.recv(65536), b""))


@pytest.mark.parametrize(
    "lines",
    [
        "Content-Length: abc",
        "Content-Length: -1",
        "Content-Length: +1",
        "Content-Length: 1_0",
        "Content-Length: ²",
        "Content-Length: " + "1" * 5000,
        "Content-Length: 1\r\nContent-Length: 2",
        f"Content-Length: {len(SMUGGLED)}\r\nTransfer-Encoding: chunked",
        f"Transfer-Encoding: chunked\r\nContent-Length: {len(SMUGGLED)}",
        "Transfer-Encoding: chunked",  # which the body is not
        "no colon",
        f"no colon\r\nContent-Length: {len(SMUGGLED)}",
        f"X-Space : 1\r\nContent-Length: {len(SMUGGLED)}",
        f": no name\r\nContent-Length: {len(SMUGGLED)}",
        f"X-\x00: 1\r\nContent-Length: {len(SMUGGLED)}",
        f"X-Value: \x00\r\nContent-Length: {len(SMUGGLED)}",
    ],
)
def test_what_cannot_be_read_is_400_and_its_body_is_no_second_request(lines: str) -> None:
    world = World()
    request = f"POST /guarded HTTP/1.1\r\nHost: x\r\n{lines}\r\n\r\n{SMUGGLED}".encode("latin-1")
    with served(world.gateway) as port:
        answers = exchange(port, request)
    assert answers.startswith(b"HTTP/1.1 400 ")
    assert answers.count(b"HTTP/1.1") == 1


def test_a_length_beside_chunks_is_a_problem_like_every_answer_of_the_gateway(shared_port: int) -> None:
    request = b"POST /open HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    head, _, body = exchange(shared_port, request).partition(b"\r\n\r\n")
    assert b"\r\nconnection: close" in head.lower()
    assert json.loads(body)["status"] == 400


@pytest.mark.parametrize(
    "line", ["GET", "GET /open", "GET / HTTP/x", "GET /\xe4 HTTP/1.1", "\x00\x01 / HTTP/1.1 more"]
)
def test_a_request_line_that_cannot_be_read_is_refused(shared_port: int, line: str) -> None:
    answer = exchange(shared_port, f"{line}\r\nHost: x\r\n\r\n".encode("latin-1"))
    assert answer.startswith(b"HTTP/1.1 400 ")


def test_a_header_without_end_is_refused(shared_port: int) -> None:
    request = b"GET /open HTTP/1.1\r\nX-Long: "
    assert exchange(shared_port, request.ljust(MAX_HEADER_LENGTH + 1, b"1")).startswith(b"HTTP/1.1 400 ")


def test_only_this_machine_reaches_it(shared_port: int) -> None:
    with socket.socket() as elsewhere:
        elsewhere.settimeout(10)
        assert elsewhere.connect_ex(("127.0.0.2", shared_port)) != 0


def test_the_log_has_method_path_and_status_alone(
    connection: http.client.HTTPConnection, capsys: pytest.CaptureFixture[str]
) -> None:
    connection.request("GET", "/things/%1b?token=very-secret", headers={"Authorization": "Bearer very-secret"})
    connection.getresponse().read()
    assert capsys.readouterr().err == "GET /things/%1b 200\n"


def test_no_answer_is_anothers(world: World) -> None:
    def one_thread(thread: int) -> int:
        own = 0
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=END)
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

    with served(world.gateway) as port, ThreadPoolExecutor(MEETING) as pool:
        assert list(pool.map(one_thread, range(MEETING))) == [50] * MEETING


def test_a_hundred_slow_requests_do_not_wait_behind_a_few() -> None:
    together = 50
    assert together <= THREADS
    world = World(everyone=Barrier(together))  # it opens once so many run at the same time

    def status(number: int) -> int:
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=END)
        client.request("GET", f"/meeting/{number}", headers={"Authorization": "Bearer abc"})
        with client.getresponse() as response:
            response.read()
        client.close()
        return response.status

    with served(world.gateway) as port, ThreadPoolExecutor(2 * together) as pool:
        assert list(pool.map(status, range(2 * together))) == [200] * (2 * together)
