"""pytest in a process of its own, on a copy of the project.

The process is forked from this one, which has loaded the libraries and nothing of the project: so each trial
imports the whole project anew, and does not wait for what it builds on.
"""

import importlib
import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from bench.mutants.trees import ROOT

# What the tests load: most of a second, and some more.
_LIBRARIES = (
    *("boto3", "botocore.session", "chalice", "coverage", "cryptography.hazmat.primitives.asymmetric.rsa"),
    *("hypothesis", "hypothesis.stateful", "jwt", "moto.backends", "moto.dynamodb.models", "moto.kms.models"),
    *("moto.moto_server.werkzeug_app", "moto.cloudformation.models", "openapi_spec_validator", "pytest", "yaml"),
    *("email_validator", "werkzeug.serving", "uvicorn", "concurrent.futures"),
)
PASSED, FAILED, NO_TESTS = 0, 1, 5  # pytest's exit codes
BROKE = 70
_PROJECT = frozenset({"app", "chalicelib", "infra", "tests"})
_LASTING = 10
_MEMORY = 4 * 1024**3  # bytes; a change may fill what there is
_OPTIONS = (
    *("-q", "-p", "no:randomly", "-p", "no:cacheprovider", "-p", "no:xdist", "--capture=sys"),
    *("-W", "ignore::pytest.PytestAssertRewriteWarning"),  # of the libraries that are here already
)


def prepare() -> None:
    """Loads the libraries. Hypothesis tries the same examples each time."""
    os.environ["CI"] = "true"
    for name in _LIBRARIES:
        importlib.import_module(name)
    if not _PROJECT.isdisjoint(name.partition(".")[0] for name in sys.modules):
        raise RuntimeError("the project is loaded already")


@dataclass(frozen=True, slots=True)
class Trial:
    """A process that runs tests."""

    pid: int

    def code(self) -> int | None:
        """The exit code, once it has ended: pytest's, `BROKE`, or less than 0 where it did not end in its time."""
        ended, status = os.waitpid(self.pid, os.WNOHANG)
        if not ended:
            return None
        self.stop()
        return os.waitstatus_to_exitcode(status)

    def stop(self) -> None:
        """Ends it, and all that the tests have started."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)


def forked(run: Callable[[], int], seconds: int | None = None) -> Trial:
    """A process that does `run`, whose result is its exit code.

    `seconds` is what that may take of the processor, and many times that is how long it may last.
    """
    pid = os.fork()
    if pid == 0:
        code = BROKE
        try:
            os.setsid()
            if seconds is not None:
                resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
                signal.alarm(_LASTING * seconds)
            code = run()
        except BaseException:  # noqa: BLE001 (whatever it was, this process ends here)
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    return Trial(pid)


def start(tree: Path, files: Sequence[str], plugin: object, seconds: int | None = None) -> Trial:
    """Begins to run the tests in `files` of `tree`, with `plugin`; what it prints stands beside `tree`."""
    return forked(lambda: _run(tree, files, plugin), seconds)


def output(tree: Path) -> Path:
    """Where what was started in `tree` prints."""
    return tree.with_suffix(".log")


def _run(tree: Path, files: Sequence[str], plugin: object) -> int:
    written = os.open(output(tree), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(written, 1)
    os.dup2(written, 2)
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    os.chdir(tree)
    sys.path[:] = [str(tree), *(entry for entry in sys.path if Path(entry or ".").resolve() != ROOT)]
    import pytest

    return int(pytest.main([*_OPTIONS, f"--basetemp={tree.with_suffix('.tmp')}", *files], plugins=[plugin]))


def without_bytecode() -> None:
    """From here on nothing is compiled to disk: neither here nor by what the tests start."""
    sys.dont_write_bytecode = True
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
