"""`python -m infra.package.memory`: what each function takes, measured on the packaged code as Lambda runs it.

Peak resident memory and processor time, beside the memory that .chalice/config.json gives it. Lambda gives
processor in proportion: a whole one at 1,769 MB ("Configure Lambda function memory", AWS Lambda Developer Guide).
By hand: AWS Lambda Power Tuning measures on AWS, in an account.
"""

import base64
import json
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from unittest import mock

from infra import demo
from infra.emulated import deployed, lambda_runtime
from infra.emulated.deployed import Deployed
from infra.emulated.lambda_events import SCHEDULED, proxy_event
from infra.emulated.lambda_runtime import LambdaFunction

_WHOLE_PROCESSOR = 1769  # MB
_CALLS = 5
_ROW = "{:24}{:>8}{:>8}{:>12}{:>10}{:>12}{:>10}"


def main() -> None:
    """Prints a line for each function."""
    package = deployed.package()
    with tempfile.TemporaryDirectory() as temporary, deployed.running(package) as stack:
        code = lambda_runtime.unpack(package / "deployment.zip", Path(temporary) / "task")
        with mock.patch.dict(os.environ, stack.environment):
            demo.load(os.environ)
        print(f"{'':24}{'memory, MB':>16}{'a whole processor':>22}{'what is given':>22}")
        print(_ROW.format("", "peak", "given", "init ms", "call ms", "init ms", "call ms"))
        token = _measure(stack, code, "APIHandler", "sign-in", lambda: _sign_in(stack))
        bearer = json.loads(token["body"])["access_token"]
        _measure(stack, code, "Gate", "one decision", lambda: _decision(stack, bearer))
        _measure(stack, code, "RotateKeys", "nothing due", lambda: SCHEDULED)


def _measure(stack: Deployed, code: Path, name: str, call: str, event: Callable[[], Any]) -> Any:
    """Runs the function `name`, prints what it takes, and gives its last answer."""
    configured = stack.template["Resources"][name]["Properties"]
    client = stack.client("lambda")
    found = client.get_function_configuration(FunctionName=stack.physical_ids[name])
    environment = stack.environment | found.get("Environment", {}).get("Variables", {})
    with lambda_runtime.running(code, configured["Handler"], environment, boto3=name != "Gate") as function:
        init = function.cpu_seconds()
        answer = function.invoke(event())  # the first also makes clients and opens keys
        before = function.cpu_seconds()
        for _ in range(_CALLS):
            answer = function.invoke(event())
        took = (function.cpu_seconds() - before) / _CALLS
        given = configured["MemorySize"]
        share = min(1.0, given / _WHOLE_PROCESSOR)
        times = [f"{seconds * 1000:.1f}" for seconds in (init, took, init / share, took / share)]
        print(_ROW.format(f"{name}, {call}", f"{_peak(function):.0f}", given, *times))
        return answer


def _peak(function: LambdaFunction) -> float:
    """The most memory that the function has ever had, in MB, as Linux counts it."""
    status = Path(f"/proc/{function._process.pid}/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


def _sign_in(stack: Deployed) -> Mapping[str, Any]:
    credentials = base64.b64encode(b"demo:demo-password").decode()
    where = stack.request_context
    headers = {"Authorization": f"Basic {credentials}"}
    return proxy_event("POST", "/tokens", headers, api_id=where["apiId"], stage=where["stage"])


def _decision(stack: Deployed, bearer: str) -> Mapping[str, str]:
    arn = f"arn:aws:execute-api:us-east-1:123456789012:{stack.physical_ids['RestAPI']}/{deployed.STAGE}/GET/me"
    return {"type": "TOKEN", "authorizationToken": f"Bearer {bearer}", "methodArn": arn}


if __name__ == "__main__":
    main()
