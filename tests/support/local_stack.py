"""`python -m infra.local` in a process of its own, which `make run` calls."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

from tests.support.patience import END

ROOT = Path(__file__).parents[2]


def free_port() -> int:
    """A port that nobody listened on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def start(directory: Path, port: object, project: Path = ROOT, **environment: str) -> "subprocess.Popen[str]":
    """Starts `project` in `directory`, with `environment` besides what the caller's has that is not ours."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "GATEHOUSE_"))}
    return subprocess.Popen(
        [sys.executable, "-m", "infra.local"],
        cwd=directory,
        env={**clean, "PYTHONPATH": str(project), "PORT": str(port), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=_from_a_terminal,  # noqa: PLW1509  no thread holds a lock that it needs
    )


def _from_a_terminal() -> None:
    # Whoever runs the tests under nohup(1) has it ignored, and every child with them.
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


class Running:
    """A local stack that is ready, in a directory of its own. `said` is what it printed until then."""

    def __init__(self, directory: Path, project: Path = ROOT, **environment: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.local_env = directory / ".local.env"
        self.process = start(directory, self.port, project, **environment)
        assert self.process.stdout
        self.said = ""
        for line in self.process.stdout:
            self.said += line
            if line.startswith("Other commands"):
                return
        raise AssertionError(self.process.communicate())

    def stop(self, number: int) -> tuple[int, str]:
        """The exit code and what it wrote to stderr."""
        self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=END)
        return self.process.returncode, errors
