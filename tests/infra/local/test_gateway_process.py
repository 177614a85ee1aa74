"""The gateway's process can be replaced, and its parent hears of an end that nobody asked for."""

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.local import gateway_process
from infra.local.gateway_process import EndedError
from tests.support.patience import END

ROOT = Path(__file__).parents[3]
REQUEST = b"GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


@pytest.fixture
def listener(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


def ask(listener: socket.socket) -> socket.socket:
    client = socket.create_connection(listener.getsockname(), timeout=END)
    client.sendall(REQUEST)
    return client


def status(client: socket.socket) -> bytes:
    with client:
        return b"".join(iter(lambda: client.recv(65536), b"")).split()[1]


def children() -> list[int]:
    """The processes that this one has started, but for the one that lists them."""
    command = ["ps", "-A", "-o", "pid=,ppid=,command="]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rows = [line.split(maxsplit=2) for line in listed.splitlines()]
    return [
        int(pid) for pid, parent, command in rows if int(parent) == os.getpid() and "gateway_process" in command
    ]


def test_another_takes_its_place_and_whoever_came_between_is_answered(listener: socket.socket) -> None:
    with gateway_process.started(listener) as first:
        first.serve(os.environ)
        assert status(ask(listener)) == b"404"
    between = ask(listener)
    with gateway_process.started(listener) as second:
        second.serve(os.environ)
        assert status(between) == b"404"
    assert children() == []


def test_its_end_is_an_error_with_its_status(listener: socket.socket) -> None:
    with gateway_process.started(listener) as gateway:
        gateway.serve(os.environ)
        (child,) = children()
        os.kill(child, signal.SIGKILL)
        with pytest.raises(EndedError, match="unexpectedly, with status -9"):
            gateway.wait()


def test_an_app_that_does_not_load_is_an_error_too(
    listener: socket.socket, capfd: pytest.CaptureFixture[str]
) -> None:
    with gateway_process.started(listener) as gateway, pytest.raises(EndedError, match="with status 1"):
        gateway.serve({**os.environ, "GATEHOUSE_OPEN_SIGN_UP": "perhaps"})
    assert "GATEHOUSE_OPEN_SIGN_UP" in capfd.readouterr().err


def test_what_a_terminal_sends_to_both_is_left_to_the_parent(listener: socket.socket) -> None:
    with gateway_process.started(listener) as gateway:
        gateway.serve(os.environ)
        (child,) = children()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            os.kill(child, number)
        assert status(ask(listener)) == b"404"
