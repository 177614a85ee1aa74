"""The sockets of the local gateway: HTTP/1.1 with connections that stay open, one thread for each."""

import string
import sys
from email.utils import formatdate
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socketserver import TCPServer
from typing import Any
from urllib.parse import quote

from chalice.local import ThreadedHTTPServer

from infra.local.gateway import MAX_BODY_LENGTH, Answer, Gateway

_BLOCK = 64 * 1024
_MAX_LENGTH_DIGITS = 18
_WITHOUT_BODY = {HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED}


class RequestHandler(BaseHTTPRequestHandler):
    """Reads one request after the other from a connection and writes the gateway's answers."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # an answer leaves in one piece
    server: "GatewayServer"

    def __getattr__(self, name: str) -> Any:
        # `http.server` calls do_GET, do_POST and so on. Which methods there are, the gateway knows.
        if name.startswith("do_"):
            return self._serve
        raise AttributeError(name)

    def _serve(self) -> None:
        gateway = self.server.gateway
        length = self._content_length()
        if length is None:
            self.send_error(HTTPStatus.BAD_REQUEST)
        elif "transfer-encoding" in self.headers:
            self.send_error(HTTPStatus.LENGTH_REQUIRED)
        elif length > MAX_BODY_LENGTH:
            self._drain(length)
            self._answer(gateway.gateway_response("REQUEST_TOO_LARGE"))
        else:
            body = self.rfile.read(length)
            if len(body) < length:  # the client went away
                self.close_connection = True
                return
            source_ip = str(self.client_address[0])
            self._answer(gateway.handle(self.command, self.path, self._field_lines(), body, source_ip))

    def _field_lines(self) -> list[tuple[str, str]]:
        """The header, each value without the white space around it (RFC 9110 §5.5)."""
        return [(name, value.strip(" \t")) for name, value in self.headers.items()]

    def _content_length(self) -> int | None:
        """How many bytes the body has; None where the headers do not say so plainly."""
        values = self.headers.get_all("content-length", ["0"])
        plain = len(values) == 1 and values[0].isascii() and values[0].isdecimal()
        if not plain or len(values[0]) > _MAX_LENGTH_DIGITS:
            return None
        return int(values[0])

    def _drain(self, length: int) -> None:
        while length > 0 and (block := self.rfile.read(min(length, _BLOCK))):
            length -= len(block)
        self.close_connection = self.close_connection or length > 0

    def _answer(self, answer: Answer) -> None:
        self.send_response_only(answer.status)
        self.send_header("Date", formatdate(usegmt=True))
        for name, value in answer.headers:
            self.send_header(name, value)
        if answer.status not in _WITHOUT_BODY:
            self.send_header("Content-Length", str(len(answer.body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if answer.status not in _WITHOUT_BODY and self.command != "HEAD":
            self.wfile.write(answer.body)
        self._log(answer.status)

    def _log(self, status: int) -> None:
        """One line: method, path, status. Never the query nor a header, where credentials travel."""
        path = quote(getattr(self, "path", "").partition("?")[0], safe=string.punctuation)
        sys.stderr.write(f"{quote(self.command or '-')} {path or '-'} {status:d}\n")

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:  # noqa: ARG002
        """The answer to a request that cannot be read. Where the next one begins is unknown (RFC 9112 §6.3)."""
        self.close_connection = True
        self._answer(self.server.gateway.front_response(HTTPStatus(code)))
        self.wfile.flush()


class GatewayServer(ThreadedHTTPServer):
    """Holds `port` on the loopback address from the start, and listens once it `serve`s.

    Raises `OSError` where the port is taken.
    """

    request_queue_size = 128
    gateway: Gateway

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", port), RequestHandler, bind_and_activate=False)
        try:
            self.server_bind()
        except OSError:
            self.server_close()
            raise

    def server_bind(self) -> None:
        """Binds without asking the resolver for a name, as `http.server` does."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]

    def listen(self, gateway: Gateway) -> None:
        """From here on clients can connect; `serve_forever` answers them."""
        self.gateway = gateway
        self.server_activate()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is no error of ours."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)
