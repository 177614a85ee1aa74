"""`python -m infra.local`, which `make run` calls: it gets ready, says how to reach it, leaves nothing behind."""

import os
import signal
import socket
import stat
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError

import pytest

from tests.support.local_stack import Running, free_port, start
from tests.support.patience import END
from tests.support.shells import paste


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    stack = Running(
        tmp_path, GATEHOUSE_OPEN_SIGN_UP="false", AWS_PROFILE="of-somebody", AWS_SESSION_TOKEN="theirs"
    )
    yield stack
    if stack.process.poll() is None:
        stack.process.kill()
        stack.process.communicate()


def test_it_serves_tells_how_and_leaves_nothing_behind(running: Running) -> None:
    with urllib.request.urlopen(f"{running.url}/.well-known/jwks.json", timeout=END) as answer:
        assert answer.status == 200

    assert stat.S_IMODE(running.local_env.stat().st_mode) == 0o600
    command = f"set -a; . {running.local_env}; env"
    shell = subprocess.run(["sh", "-c", command], env={}, capture_output=True, text=True, check=True)
    told = dict(line.partition("=")[::2] for line in shell.stdout.splitlines())
    assert told["GATEHOUSE_ISSUER"] == running.url
    assert told["GATEHOUSE_ALLOWED_ORIGINS"] == f"http://127.0.0.1:3000 {running.url}"
    assert told["GATEHOUSE_OPEN_SIGN_UP"] == "false", "what the caller sets stays"
    assert told["GATEHOUSE_USERS_TABLE"].startswith("gatehouse-local-Users-")
    assert told["AWS_ENDPOINT_URL"].startswith("http://127.0.0.1:")
    assert not told.keys() & {"AWS_PROFILE", "AWS_SESSION_TOKEN"}

    code, errors = running.stop(signal.SIGTERM)
    assert (code, errors) == (0, "GET /.well-known/jwks.json 200\n")
    assert not running.local_env.exists()
    with pytest.raises(URLError, match="refused"):
        urllib.request.urlopen(running.url, timeout=END)


def test_the_printed_commands_work_pasted_in_order_and_ctrl_c_stops_it(running: Running) -> None:
    commands = [line.strip() for line in running.said.splitlines() if line.startswith("  ")]
    assert len(commands) == 4
    pasted = paste("bash", "\n".join(commands))
    assert pasted.stdout.count("HTTP/1.1 200 OK") == 2
    assert '"username":"demo"' in pasted.stdout
    assert '"refresh_token"' in pasted.stdout

    code, errors = running.stop(signal.SIGINT)
    assert code == 0
    assert errors.splitlines()[:2] == ["POST /tokens 200", "GET /.well-known/jwks.json 200"]
    assert "Traceback" not in errors
    assert not running.local_env.exists()


def test_a_kill_leaves_no_process_behind(running: Running) -> None:
    running.process.kill()
    running.process.communicate(timeout=END)  # returns once nobody holds the pipes any more
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", running.port), timeout=END)


def test_a_gateway_that_ends_by_itself_is_said_and_ends_all(running: Running) -> None:
    command = ["ps", "-A", "-o", "pid=,ppid="]
    processes = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    (child,) = (int(pid) for pid, parent in map(str.split, processes) if int(parent) == running.process.pid)
    os.kill(child, signal.SIGKILL)
    _, errors = running.process.communicate(timeout=END)
    assert (running.process.returncode, errors) == (1, "The gateway ended unexpectedly, with status -9.\n")
    assert not running.local_env.exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_while_it_starts_stops_it_as_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    process = start(tmp_path, free_port())
    assert process.stdout
    process.stdout.readline()
    process.send_signal(number)
    assert (process.communicate(timeout=END)[1], process.returncode) == ("", 0)
    assert list(tmp_path.iterdir()) == []


def test_a_port_in_use_is_one_clear_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        process = start(tmp_path, port)
        said, errors = process.communicate(timeout=END)
    assert (process.returncode, said) == (1, "")
    assert errors.startswith(f"Port {port} cannot be used")
    assert errors.count("\n") == 1


@pytest.mark.parametrize("port", ["", "abc", "0", "-1", "65536", "80.5", "٨٠٠٠", "9" * 5000])
def test_a_port_that_is_none_is_one_clear_line(tmp_path: Path, port: str) -> None:
    process = start(tmp_path, port)
    said, errors = process.communicate(timeout=END)
    assert (process.returncode, said) == (1, "")
    assert errors.startswith("PORT must be a number from 1 to 65535")
    assert errors.count("\n") == 1
