"""The key ring's fixtures; the command line, run in this process and in one of its own."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from chalicelib.admin.__main__ import main
from tests.keys.conftest import empty_ring, ring
from tests.support.patience import END

__all__ = ["empty_ring", "ring"]

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Ran:
    """One run of the command."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output, which is one JSON document and nothing else."""
        return json.loads(self.out)


Admin = Callable[..., Ran]


@pytest.fixture
def admin(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Admin:
    """Runs the command in this process; `typed` is its standard input."""

    def run(*arguments: str, typed: str = "") -> Ran:
        monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
        capsys.readouterr()
        status = main([*arguments])
        return Ran(status, *capsys.readouterr())

    return run


def in_a_process(*arguments: str, typed: str = "") -> Ran:
    command: Sequence[str] = [sys.executable, "-m", "chalicelib.admin", *arguments]
    ran = subprocess.run(
        command, cwd=ROOT, env=os.environ, input=typed, capture_output=True, text=True, timeout=END, check=False
    )
    return Ran(ran.returncode, ran.stdout, ran.stderr)
