"""A gateway on a port of 127.0.0.1, as long as a test takes."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

from infra.local.gateway import Gateway
from infra.local.http_server import GatewayServer


@contextmanager
def served(gateway: Gateway, context: ssl.SSLContext | None = None) -> Iterator[int]:
    """The port on which `gateway` answers, in HTTP, or HTTPS by `context`."""
    with GatewayServer(0) as server:
        if context:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        server.listen(gateway)
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()
