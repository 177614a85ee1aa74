"""The emulated AWS for races: ministack in a process of its own, on a free loopback port.

It evaluates each condition and each transaction as a whole, whatever else is under way, which moto does not
promise. It pins its own botocore, so it lives in `.venv-ministack`, made from requirements-ministack.txt.
"""

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from socket import create_server

from infra.emulated import stack

ENVIRONMENT = Path(__file__).parents[2] / ".venv-ministack"
_START_TIMEOUT, _STOP_TIMEOUT = 60, 10  # seconds

# Serves on the listening socket that it is given, until standard input ends: that happens when the starter
# closes it, and also when the starter is killed.
_SERVER = """
import os, signal, sys, threading
from hypercorn.__main__ import main

def end_with_starter():
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)

threading.Thread(target=end_with_starter, daemon=True).start()
main(["ministack.app:app", "--bind", sys.argv[1], "--workers", "0", "--keep-alive", "75", "--log-level", "ERROR"])
"""


class NotInstalledError(RuntimeError):
    """There is no environment with ministack in it."""


@contextmanager
def running(environment: Path = ENVIRONMENT) -> Iterator[Mapping[str, str]]:
    """Starts ministack (`serving`) and creates the stack (`stack.create`)."""
    with serving(environment) as port:
        yield stack.create(port)


@contextmanager
def serving(environment: Path = ENVIRONMENT, **settings: str) -> Iterator[int]:
    """Starts ministack from the virtual environment at `environment`, with its own `settings`, and gives its port.

    It ends with the block, or with this process. Raises `NotInstalledError`, and `OSError` where it does not
    answer.
    """
    python = environment / "bin" / "python"
    if not python.exists():
        raise NotInstalledError(f"{environment.name} is missing: `make {environment.name}` makes it.")
    with create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        process = _start(python, port, listener.fileno(), settings)
    try:
        _wait_until_healthy(port)
        yield port
    finally:
        _stop(process)


def _start(python: Path, port: int, listener: int, settings: Mapping[str, str]) -> "subprocess.Popen[bytes]":
    # Nothing of our own environment: neither an account's credentials nor another emulator's endpoint.
    environment = {
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "IOT_MTLS_ENABLED": "0",
        "LOG_LEVEL": "ERROR",
        **settings,
    }
    return subprocess.Popen(  # noqa: S603 (our own command)
        [python, "-I", "-c", _SERVER, f"fd://{listener}"],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        pass_fds=[listener],
    )


def _wait_until_healthy(port: int) -> None:
    # The socket listens already: the request waits until it is served, or fails when the process ends.
    connection = HTTPConnection("127.0.0.1", port, timeout=_START_TIMEOUT)
    try:
        connection.request("GET", "/_ministack/health")
        if connection.getresponse().status != HTTPStatus.OK:
            raise ConnectionError("ministack is not healthy")
    finally:
        connection.close()


def _stop(process: "subprocess.Popen[bytes]") -> None:
    try:
        process.communicate(timeout=_STOP_TIMEOUT)  # closes its standard input
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(_STOP_TIMEOUT)
