"""A gateway on a port of 127.0.0.1, as long as a test takes."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from socket import create_server
from threading import Thread

from infra.local.gateway import Gateway
from infra.local.http_server import GatewayServer


@contextmanager
def served(gateway: Gateway, context: ssl.SSLContext | None = None) -> Iterator[int]:
    """The port on which `gateway` answers, in HTTP, or HTTPS by `context`."""
    listener = create_server(("127.0.0.1", 0), backlog=128)
    port: int = listener.getsockname()[1]
    server = GatewayServer(gateway, context)
    thread = Thread(target=server.serve_on, args=(listener,))
    thread.start()
    try:
        yield port
    finally:
        server.should_exit = True
        thread.join()
