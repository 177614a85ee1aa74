"""A short load run. `make load` is the long one."""

import os
import subprocess
import sys

import pytest

from tests.support.pages import ROOT
from tests.support.patience import END

pytestmark = pytest.mark.xdist_group("load")


def test_a_short_run_keeps_every_promise() -> None:
    environment = os.environ | {"SECONDS": "5", "GATEHOUSE_REVOCATION_INTERVAL": "1"}
    command = [sys.executable, "-m", "tests.load"]
    run = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=END
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "Every invariant held" in run.stdout
    assert "a user who floods" in run.stdout
