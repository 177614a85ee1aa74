"""The shells that people paste into, as parameters of tests."""

import os
import shutil
import subprocess

import pytest

from tests.support.patience import END

# What each needs so as to read a text as at its prompt, where zsh takes no comments.
_INTERACTIVE = {"bash": ("--norc", "--noprofile"), "zsh": ("-f", "-i", "-s"), "dash": ()}


def _parameter(shell: str) -> object:
    # On CI none may be missing: there the case fails.
    missing = shutil.which(shell) is None and os.environ.get("CI") != "true"
    return pytest.param(shell, marks=pytest.mark.skipif(missing, reason=f"{shell} is not installed"))


SHELLS = [_parameter(shell) for shell in _INTERACTIVE]


def paste(shell: str, text: str, timeout: float = END, **environment: str) -> "subprocess.CompletedProcess[str]":
    """What `shell` makes of `text` at its prompt, with `environment` besides the caller's."""
    return subprocess.run(
        [shell, *_INTERACTIVE[shell]],
        input=text + "\n",
        env={**os.environ, **environment},
        start_new_session=True,  # else it would take the terminal of the tests
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def syntax_errors(shell: str, text: str) -> str:
    """What `shell` has to say about `text` without running it."""
    done = subprocess.run([shell, "-n"], input=text + "\n", capture_output=True, text=True, check=False)
    return done.stderr or ("" if done.returncode == 0 else f"{shell} -n: {done.returncode}")
