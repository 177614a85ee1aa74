"""The gateway in a process of its own, which can be replaced: the emulated AWS and the listening socket are its
parent's, so its end loses no data, no port and no client that waits to be answered.

Between the two runs one channel, a socket pair. The parent sends the environment; the child says when it answers.
Either sees the end of the other as the channel's end, also after SIGKILL.
"""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from infra.local.http_server import GatewayServer

_START_TIMEOUT = 60  # seconds
_END_TIMEOUT = 15  # seconds, more than what `GatewayServer` gives the requests under way
_READY = b"\n"


class EndedError(RuntimeError):
    """The process of the gateway ended, and nobody asked it to."""


class GatewayProcess:
    """The parent's side: the child, which imports what it needs and waits for its environment."""

    def __init__(self, process: "subprocess.Popen[bytes]", channel: socket.socket) -> None:
        self._process = process
        self._channel = channel

    def serve(self, environment: Mapping[str, str]) -> None:
        """Lets the child import the app in `environment`, and returns once it answers. Raises `EndedError`, and
        `TimeoutError` where it takes more than a minute."""
        self._channel.settimeout(_START_TIMEOUT)
        try:
            self._channel.sendall(json.dumps(dict(environment)).encode() + b"\n")
        except ConnectionError:
            raise self._ended() from None
        if not self._received():
            raise self._ended()

    def wait(self) -> None:
        """Waits as long as the child serves, and raises `EndedError` then."""
        self._channel.settimeout(None)
        self._received()
        raise self._ended()

    def _received(self) -> bytes:
        try:
            return self._channel.recv(len(_READY))
        except ConnectionError:
            return b""

    def _ended(self) -> EndedError:
        status = self._process.wait(_END_TIMEOUT)
        return EndedError(f"The gateway ended unexpectedly, with status {status}.")

    def end(self) -> None:
        """Lets the child answer the requests under way, and kills it where that takes too long."""
        self._channel.close()
        try:
            self._process.wait(_END_TIMEOUT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(_END_TIMEOUT)


@contextmanager
def started(listener: socket.socket) -> Iterator[GatewayProcess]:
    """Starts a child that will answer who connects to `listener`; it ends with the block."""
    channel, its_channel = socket.socketpair()
    descriptors = [listener.fileno(), its_channel.fileno()]
    with its_channel:
        process = subprocess.Popen(  # noqa: S603 (our own command)
            [sys.executable, "-m", __name__, *map(str, descriptors)],
            stdin=subprocess.DEVNULL,
            pass_fds=descriptors,
        )
    gateway = GatewayProcess(process, channel)
    try:
        yield gateway
    finally:
        gateway.end()


def main() -> None:
    """The child's side: `python -m infra.local.gateway_process LISTENER CHANNEL`, two file descriptors."""
    # A terminal sends these to both processes. They are the parent's to handle, which then closes the channel.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    listener, channel = (socket.socket(fileno=int(argument)) for argument in sys.argv[1:])
    # What takes long is imported while the parent starts the emulated AWS. The app itself reads the environment.
    import chalicelib.services  # noqa: F401
    from infra.local.gateway import Gateway
    from infra.local.http_server import GatewayServer

    environment = channel.makefile("rb").readline()
    if not environment:
        return
    os.environ.clear()
    os.environ.update(json.loads(environment))
    from app import app

    server = GatewayServer(Gateway(app))
    Thread(target=_end_with_parent, args=(channel, server), daemon=True).start()
    channel.sendall(_READY)
    server.serve_on(listener)
    sys.stderr.flush()
    os._exit(0)  # whatever a thread still does


def _end_with_parent(channel: socket.socket, server: "GatewayServer") -> None:
    channel.recv(1)  # nothing comes any more, so this returns at the channel's end
    server.should_exit = True


if __name__ == "__main__":
    main()
