"""A proxy between the service and AWS that spoils one call: before AWS got it, or on the way back."""

import json
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler
from threading import Lock, Thread
from time import sleep
from typing import Any, NamedTuple

from tests.support.patience import END

# What asks AWS to change nothing.
READS = frozenset({"GetItem", "BatchGetItem", "Query", "Encrypt", "Decrypt"})

SLOW = 1.7  # seconds; the service waits two for an answer


class Answer(NamedTuple):
    """An answer of AWS."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Plan:
    """What goes wrong: `fault`, at the call of this `number`, counted from 1; 0 is every call.

    A call is what the service asks for: its tries have one invocation id. `lasting` spoils every try of it,
    else the first alone.
    """

    fault: "Fault"
    number: int
    lasting: bool

    def spoils(self, number: int, attempt: int) -> bool:
        return self.number in (0, number) and (self.lasting or attempt == 1)


@dataclass
class Proxy:
    """Listens on a free loopback port and sends on to `upstream`, another one. Threads share it."""

    upstream: int
    plan: Plan | None = None
    calls: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._lock = Lock()
        self._written: set[str] = set()
        self._numbers: dict[str, int] = {}
        self._tries: dict[str, int] = {}
        self._connections: set[socket.socket] = set()
        # Keeps the port while nobody listens on it.
        self._holder = _bound(0)
        self.port: int = self._holder.getsockname()[1]
        self._listener: socket.socket | None = None
        self.listen()

    def begin(self, plan: Plan | None) -> None:
        """Counts calls from here on, and spoils as planned."""
        with self._lock:
            self.plan, self.calls = plan, []
            self._numbers, self._tries = {}, {}
        if plan is None:
            self.listen()
        elif plan.fault is REFUSED and plan.number <= 1:
            self.refuse()

    def listen(self) -> None:
        """Takes connections, if it does not already."""
        if self._listener is None:
            self._listener = _bound(self.port)
            self._listener.listen(64)
            Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def refuse(self) -> None:
        """Lets every connection be refused from here on."""
        with self._lock:
            listener, self._listener = self._listener, None
            connections = list(self._connections)
        for each in [listener, *connections]:
            _shut(each)
        if listener:
            listener.close()

    def close(self) -> None:
        """For good."""
        self.refuse()
        self._holder.close()

    def heard(self, invocation: str, operation: str) -> tuple[int, int]:
        """The number of this call, and which try of it this is, from 1."""
        with self._lock:
            if invocation not in self._numbers:
                self.calls.append(operation)
                self._numbers[invocation] = len(self.calls)
            self._tries[invocation] = self._tries.get(invocation, 0) + 1
            return self._numbers[invocation], self._tries[invocation]

    def wrote(self, parameters: Mapping[str, Any]) -> None:
        """AWS gets this write."""
        single = [parameters] if "TableName" in parameters else []
        writes = [*single, *(write for each in parameters.get("TransactItems", ()) for write in each.values())]
        with self._lock:
            self._written.update(write["TableName"] for write in writes)

    def taken_writes(self) -> set[str]:
        """The tables that AWS got writes for, since this was last asked."""
        with self._lock:
            written, self._written = self._written, set()
        return written

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, address = listener.accept()
            except OSError:
                return
            Thread(target=self._serve, args=(connection, address), daemon=True).start()

    def _serve(self, connection: socket.socket, address: object) -> None:
        self._connections.add(connection)
        try:
            _Exchange(connection, address, self)  # type: ignore[arg-type]
        except OSError:
            pass  # the service has gone away
        finally:
            self._connections.discard(connection)
            _shut(connection)
            connection.close()


def _bound(port: int) -> socket.socket:
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    bound.bind(("127.0.0.1", port))
    return bound


def _shut(connection: socket.socket | None) -> None:
    try:
        if connection:
            connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # it is gone already


class _Exchange(BaseHTTPRequestHandler):
    """One connection of the service: its calls, one after another."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1
    server: Proxy  # type: ignore[assignment]

    def setup(self) -> None:
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._upstream = HTTPConnection("127.0.0.1", self.server.upstream, timeout=END)

    def finish(self) -> None:
        self._upstream.close()
        super().finish()

    def do_POST(self) -> None:
        self.body = self.rfile.read(int(self.headers["Content-Length"]))
        self.operation = self.headers["X-Amz-Target"].partition(".")[2]
        number, self.attempt = self.server.heard(self.headers["amz-sdk-invocation-id"], self.operation)
        plan = self.server.plan
        if plan and plan.spoils(number, self.attempt):
            plan.fault.happen(self)
            return
        answer = self.forward()
        if plan and plan.fault is REFUSED and plan.number == number + 1:
            self.answer(answer._replace(headers={**answer.headers, "Connection": "close"}))
            self.server.refuse()
            return
        self.answer(answer)

    def forward(self) -> Answer:
        """Lets AWS have the call."""
        if self.operation not in READS:
            self.server.wrote(json.loads(self.body))
        headers = {name: value for name, value in self.headers.items() if name.lower() != "connection"}
        self._upstream.request("POST", self.path, self.body, headers)
        response = self._upstream.getresponse()
        kept = {"Content-Type": response.getheader("Content-Type", "application/x-amz-json-1.0")}
        return Answer(response.status, kept, response.read())

    def answer(self, answer: Answer) -> None:
        self._head(answer, {"Content-Length": str(len(answer.body))})
        self.wfile.write(answer.body)
        self.wfile.flush()

    def half(self, answer: Answer, headers: Mapping[str, str], body: bytes) -> None:
        """The head and what there is of the body; then the connection ends."""
        self._head(answer, headers)
        self.wfile.write(body)
        self.wfile.flush()
        self.close_connection = True

    def _head(self, answer: Answer, headers: Mapping[str, str]) -> None:
        self.send_response_only(answer.status)
        for name, value in {**answer.headers, **headers}.items():
            self.send_header(name, value)
        self.end_headers()

    def reset(self) -> None:
        """Drops the connection (RST), not a byte of an answer sent."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.rfile.close()
        self.connection.close()

    def wait(self) -> None:
        """Until the service has given up."""
        self.close_connection = True
        self.connection.recv(1)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the name is the library's)
        pass


# --- The faults


@dataclass(frozen=True, eq=False)
class Fault:
    """One way in which a call goes wrong. `taken`: AWS has got it and has done it, if it could."""

    name: str
    happen: Callable[[_Exchange], None]
    taken: bool = False
    silent: bool = False  # the service learns of it only by its own timeout


def _error(status: int, code: str) -> Callable[[_Exchange], None]:
    body = json.dumps({"__type": f"com.amazonaws#{code}", "message": ""}).encode()
    return lambda exchange: exchange.answer(Answer(status, {"Content-Type": "application/x-amz-json-1.0"}, body))


def _throttled(exchange: _Exchange) -> None:
    # The table's limit, and the account's, by which KMS throttles too.
    of_table = exchange.attempt == 1 and exchange.operation not in ("Encrypt", "Decrypt")
    _error(400, "ProvisionedThroughputExceededException" if of_table else "ThrottlingException")(exchange)


def _lost(exchange: _Exchange) -> None:
    exchange.forward()
    exchange.reset()


def _late(exchange: _Exchange) -> None:
    answer = exchange.forward()
    exchange.wait()
    exchange.answer(answer)


def _slow(exchange: _Exchange) -> None:
    answer = exchange.forward()
    sleep(SLOW)
    exchange.answer(answer)


def _half(exchange: _Exchange) -> None:
    answer = exchange.forward()
    length = {"Content-Length": str(len(answer.body))}
    exchange.half(answer, length, answer.body[: len(answer.body) // 2])


def _half_of_the_chunks(exchange: _Exchange) -> None:
    answer = exchange.forward()
    part = answer.body[: len(answer.body) // 2]
    exchange.half(answer, {"Transfer-Encoding": "chunked"}, b"%x\r\n%s\r\n" % (len(part), part))


def _garbage(exchange: _Exchange) -> None:
    answer = exchange.forward()
    exchange.answer(answer._replace(body=b"<html>Welcome</html>"))


THROTTLED = Fault("throttled", _throttled)
REFUSED = Fault("connection refused", _Exchange.reset)
SILENT = Fault("no answer", _Exchange.wait, silent=True)
SLOWLY = Fault("slow answer", _slow, taken=True)
FAULTS = (
    THROTTLED,
    Fault("500", _error(500, "InternalServerError")),
    Fault("503", _error(503, "ServiceUnavailable")),
    REFUSED,
    Fault("reset before AWS got it", _Exchange.reset),
    SILENT,
    Fault("reset after AWS did it", _lost, taken=True),
    Fault("late answer", _late, taken=True, silent=True),
    SLOWLY,
    Fault("half an answer", _half, taken=True),
    Fault("half of the chunks", _half_of_the_chunks, taken=True),
    Fault("no JSON", _garbage, taken=True),
)
