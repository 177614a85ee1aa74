"""`python -m tests.load.container`: the API behind the local gateway, in a process as alone as a Lambda container.

Takes its settings from the environment, prints its port once it listens, and ends with its standard input.
"""

import os
import signal
import sys
from socket import create_server
from threading import Thread

from infra.local.http_server import GatewayServer


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the starter, which ends this
    listener = create_server(("127.0.0.1", 0), backlog=128)
    port = listener.getsockname()[1]
    os.environ["GATEHOUSE_JWKS_URI"] = f"http://127.0.0.1:{port}/.well-known/jwks.json"
    # The app reads the environment when it is imported.
    from app import app
    from infra.local.gateway import Gateway

    Thread(target=_end_with_starter, daemon=True).start()
    print(port, flush=True)
    GatewayServer(Gateway(app)).serve_on(listener)


def _end_with_starter() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


if __name__ == "__main__":
    main()
