"""ministack's process: it ends with whoever started it, and says how to install it."""

import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from infra.emulated import ministack
from tests.support.patience import END

pytestmark = pytest.mark.ministack

_START_AND_WAIT = """
import sys
from infra.emulated import ministack
with ministack.running() as environment:
    print(environment["AWS_ENDPOINT_URL"], flush=True)
    sys.stdin.read()
"""


def test_it_ends_when_its_starter_is_killed() -> None:
    starter = subprocess.Popen(
        [sys.executable, "-c", _START_AND_WAIT],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with starter:
        assert starter.stdout is not None
        address = urlsplit(starter.stdout.readline().strip())
        with socket.create_connection((address.hostname, address.port), timeout=END) as connection:
            starter.kill()
            assert connection.recv(1) == b""  # the end of the connection, and nothing else can end it


def test_it_says_how_to_install_it(tmp_path: Path) -> None:
    with (
        pytest.raises(ministack.NotInstalledError, match=r"`make \.venv-ministack`"),
        ministack.running(tmp_path / ".venv-ministack"),
    ):
        pass
