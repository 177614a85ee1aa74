"""`python -m tests.load.container`: the API behind the local gateway, in a process as alone as a Lambda container.

Takes its settings from the environment, prints its port once it listens, and ends with its standard input.
"""

import os
import signal
import sys
from threading import Thread

from infra.local.http_server import GatewayServer


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the starter, which ends this
    with GatewayServer(0) as server:
        os.environ["GATEHOUSE_JWKS_URI"] = f"http://127.0.0.1:{server.server_port}/.well-known/jwks.json"
        # The app reads the environment when it is imported.
        from app import app
        from infra.local.gateway import Gateway

        server.listen(Gateway(app))
        Thread(target=_end_with_starter, daemon=True).start()
        print(server.server_port, flush=True)
        server.serve_forever()


def _end_with_starter() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


if __name__ == "__main__":
    main()
