"""A function's code, run as Lambda runs it: by AWS's own Runtime Interface Client, in a clean process.

The process sees the unpacked package, the client, the standard library, and boto3 only where it is asked for; of
our environment it sees nothing. It takes one invocation after the other from a Runtime API, which is served here
on the loopback address ("Using the Lambda runtime API for custom runtimes", AWS Lambda Developer Guide). By hand,
for what serves that API (AWS's Runtime Interface Emulator) is a Go binary, and on no package index.
"""

import json
import subprocess
import sys
import sysconfig
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Empty, SimpleQueue
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any
from zipfile import ZipFile

TIMEOUT = 10  # seconds for one invocation, unless given
_INIT_TIMEOUT, _STOP_TIMEOUT, _POLL_INTERVAL = 60, 10, 0.05  # seconds
_API = "/2018-06-01/runtime/"
_REGION = "us-east-1"
_ARN = f"arn:aws:lambda:{_REGION}:123456789012:function:function"

# What Lambda's runtime has beside Python: the client with what it needs, and boto3 with what that needs.
_CLIENT = frozenset({"awslambdaric", "runtime_client", "simplejson", "snapshot_restore_py"})
_BOTO3 = frozenset({"boto3", "botocore", "dateutil", "jmespath", "s3transfer", "six", "urllib3"})


class FunctionError(Exception):
    """The function failed: `error_type` and `error_message` as Lambda gives them to the caller."""

    def __init__(self, error_type: str, error_message: str) -> None:
        super().__init__(f"{error_type}: {error_message}")
        self.error_type = error_type
        self.error_message = error_message


@dataclass(frozen=True, slots=True)
class _Invocation:
    event: bytes
    deadline: float  # NumericDate
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))


class _RuntimeApi(ThreadingHTTPServer):
    """The Runtime API of one environment. It takes `invocations`, and gives the outcome of each, after that of
    the init, once the client asks for the next."""

    daemon_threads = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _RuntimeApiHandler)
        self.invocations: SimpleQueue[_Invocation | None] = SimpleQueue()
        self.outcomes: SimpleQueue[bytes | FunctionError] = SimpleQueue()
        self.reported: bytes | FunctionError = b""  # what will be the outcome

    def ended(self, status: int) -> None:
        """The process has exited, whatever was under way."""
        self.invocations.put(None)
        exited = FunctionError("Runtime.ExitError", f"Runtime exited with status {status}")
        self.outcomes.put(self.reported if isinstance(self.reported, FunctionError) else exited)


class _RuntimeApiHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # an answer leaves in one piece
    server: _RuntimeApi

    def do_GET(self) -> None:
        if self.path != f"{_API}invocation/next":
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        self.server.outcomes.put(self.server.reported)
        self.server.reported = b""
        invocation = self.server.invocations.get()
        if invocation is None:
            self.close_connection = True
            return
        headers = {
            "Lambda-Runtime-Aws-Request-Id": invocation.request_id,
            "Lambda-Runtime-Deadline-Ms": str(int(invocation.deadline * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": _ARN,
        }
        self._answer(HTTPStatus.OK, invocation.event, headers)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        match self.path.removeprefix(_API).split("/"):
            case ["invocation", _, "response"]:
                self.server.reported = body
            case ["invocation", _, "error"] | ["init", "error"]:
                error = json.loads(body)
                self.server.reported = FunctionError(error["errorType"], error["errorMessage"])
            case _:
                self.send_error(HTTPStatus.NOT_FOUND)
                return
        self._answer(HTTPStatus.ACCEPTED, b'{"status": "OK"}', {})

    def _answer(self, status: HTTPStatus, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response_only(status)
        for name, value in {**headers, "Content-Type": "application/json", "Content-Length": len(body)}.items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(body)


@dataclass(frozen=True, slots=True)
class LambdaFunction:
    """One execution environment of a function. `logs` are the lines that it wrote, known once it has ended."""

    _process: "subprocess.Popen[str]"
    _api: _RuntimeApi
    logs: list[str] = field(default_factory=list)

    def invoke(self, event: object, timeout: float = TIMEOUT) -> Any:
        """What the handler returns for `event`, once it waits for the next one.

        After `timeout` seconds the environment ends, as on Lambda. Raises `FunctionError`: what the handler
        raised, or `Sandbox.Timedout`, or `Runtime.ExitError`.
        """
        self._api.invocations.put(_Invocation(json.dumps(event).encode(), time.time() + timeout))
        return json.loads(self._outcome(timeout))

    def cpu_seconds(self) -> float:
        """The processor time of the process since its start; before the first `invoke`, that of its init."""
        # The clock of another process, as clock_getcpuclockid(3) gives it on Linux; Python has no name for it.
        return time.clock_gettime((~self._process.pid << 3) | 2)

    def _outcome(self, timeout: float) -> bytes:
        try:
            outcome = self._api.outcomes.get(timeout=timeout)
        except Empty:
            self._process.kill()
            outcome = FunctionError("Sandbox.Timedout", f"Task timed out after {timeout:.2f} seconds")
        if isinstance(outcome, FunctionError):
            raise outcome
        return outcome

    def _follow(self) -> None:
        """Reads what the process writes until it ends."""
        output, _ = self._process.communicate()
        self.logs.extend(output.splitlines())
        self._api.ended(self._process.returncode)

    def _stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(_STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(_STOP_TIMEOUT)


def unpack(package: Path, directory: Path) -> Path:
    """Unpacks the zip `package` into `directory`, where nobody may write, as in Lambda's /var/task."""
    with ZipFile(package) as archive:
        archive.extractall(directory)
    for path in [*directory.rglob("*"), directory]:
        path.chmod(0o555)
    return directory


@contextmanager
def running(
    directory: Path, handler: str, environment: Mapping[str, str], *, boto3: bool, layers: Iterable[Path] = ()
) -> Iterator[LambdaFunction]:
    """Starts the `handler` (`module.function`) of the package unpacked in `directory`; it ends with the block.

    `environment` is what the function's configuration and role give, beyond what Lambda gives to every function.
    With `boto3` that is there as the runtime supplies it. `layers` are further directories to import from.
    Raises `FunctionError` where the init fails.
    """
    with TemporaryDirectory(prefix="lambda-") as runtime, _serving() as api:
        _supply(Path(runtime), _CLIENT | _BOTO3 if boto3 else _CLIENT)
        given = _reserved(directory, handler, api) | {"PYTHONPATH": ":".join(map(str, [*layers, runtime]))}
        # -S leaves our site-packages out; the client's working directory comes first in the path.
        process = subprocess.Popen(  # noqa: S603 (our own command)
            [sys.executable, "-S", "-m", "awslambdaric", handler],
            cwd=directory,
            env=given | dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
        )
        function = LambdaFunction(process, api)
        follower = Thread(target=function._follow)
        follower.start()
        try:
            function._outcome(_INIT_TIMEOUT)
            yield function
        finally:
            function._stop()
            follower.join()


@contextmanager
def _serving() -> Iterator[_RuntimeApi]:
    with _RuntimeApi() as api:
        thread = Thread(target=api.serve_forever, args=(_POLL_INTERVAL,))
        thread.start()
        try:
            yield api
        finally:
            api.shutdown()
            thread.join()


def _reserved(directory: Path, handler: str, api: _RuntimeApi) -> dict[str, str]:
    """What Lambda sets ("Defined runtime environment variables", AWS Lambda Developer Guide), with JSON logs."""
    return {
        "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{api.server_port}",
        "AWS_EXECUTION_ENV": f"AWS_Lambda_python{sys.version_info.major}.{sys.version_info.minor}",
        "AWS_LAMBDA_FUNCTION_NAME": _ARN.rpartition(":")[2],
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_FORMAT": "JSON",
        "AWS_LAMBDA_LOG_LEVEL": "INFO",
        "AWS_REGION": _REGION,
        "AWS_DEFAULT_REGION": _REGION,
        "LAMBDA_TASK_ROOT": str(directory),
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "_HANDLER": handler,
    }


def _supply(directory: Path, names: frozenset[str]) -> None:
    """Links the installed packages and modules of these names into `directory`, as compiled as they are."""
    for installed in Path(sysconfig.get_path("platlib")).iterdir():
        if installed.name.partition(".")[0] in names | {"__pycache__"}:
            (directory / installed.name).symlink_to(installed)
