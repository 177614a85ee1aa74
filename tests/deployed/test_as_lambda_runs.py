"""Each function's code, unpacked from the zip that is deployed, as Lambda runs it; its calls go to ministack."""

import json
import sysconfig
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any

import pytest

from chalicelib.authorizer import PROTECTED
from infra.emulated import deployed, lambda_runtime
from infra.emulated.deployed import Deployed
from infra.emulated.lambda_events import SCHEDULED, proxy_event
from infra.emulated.lambda_runtime import FunctionError, LambdaFunction
from tests.deployed.conftest import Site
from tests.deployed.test_least_privilege import credentials
from tests.support.client import basic, bearer

pytestmark = [pytest.mark.ministack, pytest.mark.xdist_group("deployed")]

ROLES = {"Gate": "GateRole", "APIHandler": "ApiHandlerRole", "RotateKeys": "RotateKeysRole"}
LAYER = Path(__file__).with_name("layer")

Start = Callable[..., AbstractContextManager[LambdaFunction]]


def unpacked(directory: Path) -> Path:
    return lambda_runtime.unpack(deployed.package() / "deployment.zip", directory)


@pytest.fixture(scope="module")
def task_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return unpacked(tmp_path_factory.mktemp("var") / "task")


@pytest.fixture(scope="module")
def start(task_root: Path, stack: Deployed, emulated: Site) -> Start:
    """Starts a function by its logical id, as it is deployed; with `probed`, from there and behind probe.py."""

    def running(function: str, *, probed: Path | None = None) -> AbstractContextManager[LambdaFunction]:
        handler = stack.template["Resources"][function]["Properties"]["Handler"]
        environment = variables(stack, function)
        boto3 = function != "Gate"  # which has the zip alone
        if probed is None:
            return lambda_runtime.running(task_root, handler, environment, boto3=boto3)
        given = environment | {"PROBED": handler}
        return lambda_runtime.running(probed, "probe.handler", given, boto3=boto3, layers=[LAYER])

    return running


@pytest.fixture(scope="module")
def functions(start: Start) -> Iterator[Mapping[str, LambdaFunction]]:
    """One environment of each function, by its logical id."""
    with ExitStack() as running:
        yield {name: running.enter_context(start(name)) for name in ROLES}


def variables(stack: Deployed, function: str) -> dict[str, str]:
    """What the function finds in its environment: its configuration, and the credentials of its role."""
    name = stack.physical_ids[function]
    configured = stack.client("lambda").get_function_configuration(FunctionName=name)
    given = credentials(stack, ROLES[function])
    return {
        **configured.get("Environment", {}).get("Variables", {}),
        "AWS_ENDPOINT_URL": stack.endpoint,
        "AWS_ACCESS_KEY_ID": given["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": given["SecretAccessKey"],
        "AWS_SESSION_TOKEN": given["SessionToken"],
    }


def method_arn(stack: Deployed, method: str, path: str) -> str:
    api = stack.physical_ids["RestAPI"]
    return f"arn:aws:execute-api:us-east-1:123456789012:{api}/{deployed.STAGE}/{method}{path}"


def decision(gate: LambdaFunction, stack: Deployed, token: str) -> Any:
    """The gate's answer to `GET /me` ("Input to an API Gateway Lambda authorizer")."""
    arn = method_arn(stack, "GET", "/me")
    return gate.invoke({"type": "TOKEN", "authorizationToken": f"Bearer {token}", "methodArn": arn})


def request(
    stack: Deployed,
    method: str,
    path: str,
    headers: Mapping[str, str] | None = None,
    body: str | None = None,
    context: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """One request to the API of `stack`, with the context of the gate."""
    where = stack.request_context
    return proxy_event(method, path, headers, body, context=context, api_id=where["apiId"], stage=where["stage"])


def sign_in(stack: Deployed, password: str = "demo-password") -> dict[str, Any]:
    return request(stack, "POST", "/tokens", basic("demo", password))


def answered(answer: Mapping[str, Any]) -> Any:
    """The JSON body of a 200."""
    assert answer["statusCode"] == 200, answer
    return json.loads(answer["body"])


@pytest.fixture(scope="module")
def tokens(functions: Mapping[str, LambdaFunction], stack: Deployed) -> Any:
    return answered(functions["APIHandler"].invoke(sign_in(stack)))


@pytest.fixture(scope="module")
def context(functions: Mapping[str, LambdaFunction], stack: Deployed, tokens: Any) -> dict[str, str]:
    told: dict[str, str] = decision(functions["Gate"], stack, tokens["access_token"])["context"]
    return told


def test_the_gate_allows_what_the_token_allows(
    functions: Mapping[str, LambdaFunction], stack: Deployed, tokens: Any
) -> None:
    answer = decision(functions["Gate"], stack, tokens["access_token"])
    prefix = method_arn(stack, "", "").removesuffix("/")
    scope = frozenset(tokens["scope"].split())
    assert answer["policyDocument"] == PROTECTED.policy(prefix, scope)
    assert answer["principalId"] == answer["context"]["sub"]
    assert answer["context"]["username"] == "demo"


@pytest.mark.parametrize("token", ["garbage", "a.b.c", ""])
def test_the_gate_refuses_in_the_one_word_that_api_gateway_knows(
    functions: Mapping[str, LambdaFunction], stack: Deployed, token: str
) -> None:
    with pytest.raises(FunctionError) as caught:
        decision(functions["Gate"], stack, token)
    assert (caught.value.error_type, caught.value.error_message) == ("Exception", "Unauthorized")


def test_the_gate_refuses_a_token_by_another_key(
    functions: Mapping[str, LambdaFunction], stack: Deployed, emulated: Site
) -> None:
    with pytest.raises(FunctionError, match="Unauthorized"):
        decision(functions["Gate"], stack, emulated.tokens["foreign"])


def test_the_api_serves_whom_the_gate_let_in(
    functions: Mapping[str, LambdaFunction], stack: Deployed, tokens: Any, context: Mapping[str, str]
) -> None:
    event = request(stack, "GET", "/me", bearer(tokens["access_token"]), context=context)
    account = answered(functions["APIHandler"].invoke(event))
    assert (account["username"], account["sub"], account["session_id"]) == ("demo", context["sub"], context["sid"])


def test_the_api_serves_nobody_whom_no_gate_let_in(
    functions: Mapping[str, LambdaFunction], stack: Deployed, tokens: Any
) -> None:
    event = request(stack, "GET", "/me", bearer(tokens["access_token"]))
    assert functions["APIHandler"].invoke(event)["statusCode"] == 401


def test_the_api_refreshes_and_the_gate_takes_the_new_token(
    functions: Mapping[str, LambdaFunction], stack: Deployed, tokens: Any, context: Mapping[str, str]
) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    event = request(stack, "POST", "/tokens/refresh", form, f"refresh_token={tokens['refresh_token']}")
    refreshed = answered(functions["APIHandler"].invoke(event))
    told = decision(functions["Gate"], stack, refreshed["access_token"])["context"]
    assert told["sid"] == context["sid"]
    assert told["jti"] != context["jti"]


def test_the_api_publishes_the_key_that_signed(
    functions: Mapping[str, LambdaFunction], stack: Deployed, context: Mapping[str, str]
) -> None:
    published = answered(functions["APIHandler"].invoke(request(stack, "GET", "/.well-known/jwks.json")))
    assert context["kid"] in {key["kid"] for key in published["keys"]}


def test_the_rotation_finds_the_ring_in_order(functions: Mapping[str, LambdaFunction]) -> None:
    assert functions["RotateKeys"].invoke(SCHEDULED) == []


@pytest.mark.parametrize("handler", ["app.app", "chalicelib.schedule.rotate_keys"])
def test_the_zip_has_no_boto3(task_root: Path, handler: str) -> None:
    with (
        pytest.raises(FunctionError, match="No module named 'boto") as caught,
        lambda_runtime.running(task_root, handler, {}, boto3=False),
    ):
        pass
    assert caught.value.error_type == "Runtime.ImportModuleError"


@pytest.fixture
def event(function: str, stack: Deployed, tokens: Any) -> dict[str, Any]:
    """What the function is there for."""
    match function:
        case "Gate":
            token, arn = f"Bearer {tokens['access_token']}", method_arn(stack, "GET", "/me")
            return {"type": "TOKEN", "authorizationToken": token, "methodArn": arn}
        case "APIHandler":
            return sign_in(stack)
        case _:
            return SCHEDULED


@pytest.mark.parametrize("function", ROLES)
def test_a_function_brings_all_that_it_takes_and_compiles_nothing(
    function: str, start: Start, tmp_path: Path, event: Mapping[str, Any]
) -> None:
    task_root = unpacked(tmp_path / "task")  # where no other process has written what it compiled
    before = written(task_root)
    with start(function, probed=task_root) as running:
        running.invoke(event)
        loaded = running.invoke("probe")

    root, layer, runtime, *rest = loaded["path"]
    standard_library = sysconfig.get_path("stdlib")
    assert (root, layer) == (str(task_root), str(LAYER))
    assert all(place.startswith(standard_library.removesuffix(sysconfig.get_python_version())) for place in rest)

    homes = tuple(f"{home}/" for home in (root, layer, runtime, standard_library))
    assert [file for file in loaded["files"] if not file.startswith(homes) or "site-packages" in file] == []
    assert [file for file in loaded["compiled"] if file.startswith(root)] == []
    assert written(task_root) == before
    if function == "Gate":
        assert {"boto3", "botocore", "jwt", "app"}.isdisjoint(loaded["modules"])


def written(directory: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in directory.rglob("*")}


def test_every_line_of_a_log_is_one_json_object_with_the_request_id(start: Start, stack: Deployed) -> None:
    with start("APIHandler") as api:
        assert api.invoke(sign_in(stack))["statusCode"] == 200
        assert api.invoke(sign_in(stack, "wrong-password"))["statusCode"] == 401
    lines = [json.loads(line) for line in api.logs]
    assert len(lines) >= 2
    assert all(line["requestId"] for line in lines)
    assert "password" not in "".join(api.logs)
    told = {line["event"]: line for line in lines if "event" in line}
    assert told.keys() == {"sign_in", "sign_in_refused"}
    for event, line in told.items():
        (directive,) = line["_aws"]["CloudWatchMetrics"]
        assert (directive["Metrics"][0]["Name"], line[event], line["stage"]) == (event, 1, "gatehouse-dev")
        assert line["request_id"]
