"""The local gateway over sockets: uvicorn reads HTTP/1.1 and writes it, worker threads run the calls.

What uvicorn refuses by itself, a request that cannot be read, is 400 in plain text.
"""

import asyncio
import socket
import ssl
import string
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import quote

import uvicorn

from infra.local.gateway import MAX_BODY_LENGTH, Answer, Gateway

if TYPE_CHECKING:
    from uvicorn._types import ASGIReceiveCallable, ASGISendCallable, HTTPScope, Scope

THREADS = 64  # as many requests run at a time; asyncio's own executor has about six
MAX_HEADER_LENGTH = 64 * 1024  # bytes, of request line and header together
_KEEP_ALIVE = 75  # seconds that a connection stays open without a request
GRACEFUL_END = 5  # seconds that requests under way have when the server ends
_WITHOUT_BODY = {HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED}


class GatewayServer(uvicorn.Server):
    """Serves `gateway`, in HTTPS where there is a `context`. It ends once `should_exit` is set, within
    `GRACEFUL_END` seconds. Signals are left to whoever runs it."""

    def __init__(self, gateway: Gateway, context: ssl.SSLContext | None = None) -> None:
        self._executor = ThreadPoolExecutor(THREADS, "gateway")
        super().__init__(
            uvicorn.Config(
                _Application(gateway, self._executor),
                loop="asyncio",
                http="h11",
                ws="none",
                lifespan="off",
                interface="asgi3",
                log_config=None,
                access_log=False,
                proxy_headers=False,  # X-Forwarded-For is the client's to write, and says nothing here
                server_header=False,
                h11_max_incomplete_event_size=MAX_HEADER_LENGTH,
                timeout_keep_alive=_KEEP_ALIVE,
                timeout_graceful_shutdown=GRACEFUL_END,
                ssl_context_factory=(lambda *_: context) if context else None,
            )
        )

    def serve_on(self, listener: socket.socket) -> None:
        """Answers who connects to `listener`, until `should_exit`, and closes it."""
        try:
            self.run([listener])
        finally:
            self._executor.shutdown(wait=False, cancel_futures=True)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """None: see the class."""
        yield


class _Application:
    """The ASGI application. Each request runs whole in one thread: Chalice's `current_request` is the thread's."""

    def __init__(self, gateway: Gateway, executor: ThreadPoolExecutor) -> None:
        self._gateway = gateway
        self._executor = executor

    async def __call__(self, scope: "Scope", receive: "ASGIReceiveCallable", send: "ASGISendCallable") -> None:
        assert scope["type"] == "http"  # noqa: S101 (neither WebSocket nor lifespan is configured)
        answer = await self._answer(scope, receive)
        if answer is None:
            return
        _log(scope, answer.status)
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers]
        if answer.status not in _WITHOUT_BODY:
            headers.append((b"Content-Length", b"%d" % len(answer.body)))
        await send({"type": "http.response.start", "status": answer.status, "headers": headers, "trailers": False})
        await send({"type": "http.response.body", "body": answer.body, "more_body": False})

    async def _answer(self, scope: "HTTPScope", receive: "ASGIReceiveCallable") -> Answer | None:
        """The gateway's answer; None where the client has gone."""
        lines = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
        if {"content-length", "transfer-encoding"} <= {name for name, _ in lines}:
            # RFC 9112 §6.3: this may be request smuggling; the connection ends with the answer.
            refused = self._gateway.front_response(HTTPStatus.BAD_REQUEST)
            return refused._replace(headers=[*refused.headers, ("Connection", "close")])
        body = bytearray()
        more = True
        while more:
            message = await receive()
            if message["type"] != "http.request":
                return None
            body += message["body"]
            if len(body) > MAX_BODY_LENGTH:  # uvicorn passes over what is still to come
                return self._gateway.gateway_response("REQUEST_TOO_LARGE")
            more = message["more_body"]
        source_ip = scope["client"][0] if scope["client"] else ""
        call = partial(self._gateway.handle, scope["method"], _target(scope), lines, bytes(body), source_ip)
        return await asyncio.get_running_loop().run_in_executor(self._executor, call)


def _target(scope: "HTTPScope") -> str:
    """Path and query as sent: nothing is decoded."""
    query = scope["query_string"]
    return (scope["raw_path"] + (b"?" + query if query else b"")).decode("latin-1")


def _log(scope: "HTTPScope", status: int) -> None:
    """One line: method, path, status. Never the query nor a header, where credentials travel."""
    path = quote(scope["raw_path"], safe=string.punctuation)
    sys.stderr.write(f"{quote(scope['method'])} {path} {status:d}\n")
