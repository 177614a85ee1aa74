"""The Lambda runtime of infra/, with packages of a few lines."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from zipfile import ZipFile

import pytest

from infra.emulated import lambda_runtime
from infra.emulated.lambda_runtime import FunctionError, LambdaFunction

Start = Callable[..., AbstractContextManager[LambdaFunction]]


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """Starts a function whose module is this source, and whose handler is `handler`."""

    def running(source: str, *, boto3: bool = False, **environment: str) -> AbstractContextManager[LambdaFunction]:
        (tmp_path / "function.py").write_text(source)
        return lambda_runtime.running(tmp_path, "function.handler", environment, boto3=boto3)

    return running


def returns(expression: str) -> str:
    return f"import importlib.util, logging, os, sys\ndef handler(event, context): return {expression}"


def test_one_environment_serves_one_event_after_the_other(start: Start) -> None:
    with start("seen = []\ndef handler(event, context): seen.append(event); return seen") as function:
        assert function.invoke({"number": 1}) == [{"number": 1}]
        assert function.invoke("two") == [{"number": 1}, "two"]


def test_it_sees_what_it_is_given_and_nothing_of_ours(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OURS", "a secret of the shell")
    with start(returns("dict(os.environ)"), GIVEN="to it", AWS_REGION="eu-central-1") as function:
        seen = function.invoke({})
    assert (seen["GIVEN"], seen["AWS_REGION"], seen["_HANDLER"]) == ("to it", "eu-central-1", "function.handler")
    assert {"OURS", "PATH", "HOME", "VIRTUAL_ENV"}.isdisjoint(seen)


@pytest.mark.parametrize("boto3", [True, False])
def test_it_can_import_boto3_where_the_runtime_has_it(start: Start, boto3: bool) -> None:
    with start(returns("[importlib.util.find_spec(name) is not None for name in event]"), boto3=boto3) as function:
        assert function.invoke(["boto3", "botocore", "chalice", "pytest"]) == [boto3, boto3, False, False]


def test_the_context_knows_the_time_that_is_left(start: Start) -> None:
    with start(returns("context.get_remaining_time_in_millis()")) as function:
        assert 50_000 < function.invoke({}, timeout=100) <= 100_000


def test_what_the_handler_raises_reaches_the_caller(start: Start) -> None:
    with start("def handler(event, context): raise ValueError(event)") as function:
        with pytest.raises(FunctionError) as caught:
            function.invoke("no")
        assert (caught.value.error_type, caught.value.error_message) == ("ValueError", "no")
        with pytest.raises(FunctionError, match="again"):
            function.invoke("again")


def test_a_module_that_does_not_load_stops_the_init(start: Start) -> None:
    with pytest.raises(FunctionError) as caught, start("import nothing_of_that_name"):
        pass
    assert caught.value.error_type == "Runtime.ImportModuleError"


def test_a_process_that_ends_is_told(start: Start) -> None:
    source = "import os\ndef handler(event, context): return 1 / 0 if event == 'fail' else os._exit(3)"
    with start(source) as function:
        with pytest.raises(FunctionError, match="ZeroDivisionError"):
            function.invoke("fail")
        with pytest.raises(FunctionError, match="status 3") as caught:
            function.invoke("exit")
    assert caught.value.error_type == "Runtime.ExitError"


def test_a_function_that_takes_too_long_is_ended(start: Start) -> None:
    waits = start("import time\ndef handler(event, context): time.sleep(60)")
    with waits as function, pytest.raises(FunctionError) as caught:
        function.invoke({}, timeout=0.2)
    assert caught.value.error_type == "Sandbox.Timedout"


def test_its_logs_are_json_lines(start: Start) -> None:
    with start(returns("logging.getLogger().warning('heard') or context.aws_request_id")) as function:
        request_id = function.invoke({})
    (line,) = function.logs
    assert '"message": "heard"' in line
    assert f'"requestId": "{request_id}"' in line


def test_its_processor_time_is_counted_and_ours_is_not(start: Start) -> None:
    with start(returns("sum(range(event))")) as function:
        init = function.cpu_seconds()
        deadline = time.process_time() + init + 0.1
        while time.process_time() < deadline:
            pass
        waited = function.cpu_seconds() - init
        function.invoke(1_000_000)
        assert function.cpu_seconds() - init > waited
    assert init > 0
    assert waited < 0.1  # until it waited, too


def test_an_unpacked_package_is_for_reading(tmp_path: Path) -> None:
    package = tmp_path / "package.zip"
    with ZipFile(package, "w") as archive:
        archive.writestr("inner/module.py", "answer = 42")
    unpacked = lambda_runtime.unpack(package, tmp_path / "task")
    assert (unpacked / "inner/module.py").read_text() == "answer = 42"
    modes = {path.stat().st_mode & 0o222 for path in [unpacked, *unpacked.rglob("*")]}
    assert modes == {0}
