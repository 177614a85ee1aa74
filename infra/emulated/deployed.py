"""What is deployed, on an emulated AWS: the packaged template created on ministack, functions, API and roles.

ministack runs each function in a process of its own, and checks every call that it makes against its role.
"""

import json
import os
import platform
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from fcntl import LOCK_EX, flock
from pathlib import Path
from typing import Any

import boto3
import yaml
from botocore.config import Config

from infra import template
from infra.emulated import ministack

ROOT = Path(__file__).parents[2]
STACK = "gatehouse-dev"
STAGE = "api"  # of the API; the one of the stack is in its name
_PACKAGE = ROOT / "build" / "dev"
_SOURCES = ("app.py", "chalicelib", ".chalice/config.json")
# The emulated functions run on this machine.
_ARCHITECTURE = {"aarch64": "arm64"}.get(platform.machine(), platform.machine())
_REGION = "us-east-1"
_ROOT = "emulated"  # the access key of the account's root, and the secret that nobody checks
_BUCKET = "gatehouse-packages"
_LOG_GROUP = "arn:aws:logs:${{AWS::Region}}:${{AWS::AccountId}}:log-group:${{{}}}"
_CREATE_TIMEOUT, _PACKAGE_TIMEOUT = 120, 600  # seconds


@dataclass(frozen=True)
class Deployed:
    """The stack. `physical_ids` are by logical id, `template` is the packaged one."""

    endpoint: str
    physical_ids: Mapping[str, str]
    template: Mapping[str, Any]

    @property
    def url(self) -> str:
        """The address of the API's stage, without a slash at its end."""
        return f"{self.endpoint}/_aws/execute-api/{self.physical_ids['RestAPI']}/{STAGE}"

    @property
    def request_context(self) -> dict[str, str]:
        """What the issuer follows from, as API Gateway tells it to the functions."""
        return {"apiId": self.physical_ids["RestAPI"], "stage": STAGE}

    @property
    def environment(self) -> dict[str, str]:
        """What reaches the stack as the account's root: endpoint, credentials, the API function's variables."""
        aws = {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": _ROOT,
            "AWS_SECRET_ACCESS_KEY": _ROOT,
            "AWS_DEFAULT_REGION": _REGION,
            "AWS_REGION": _REGION,
        }
        return aws | template.environment("APIHandler", {**self.physical_ids, "AWS::StackName": STACK})

    def client(self, service: str, credentials: Mapping[str, str] | None = None) -> Any:
        """A boto3 client of `service`, as the root or with what `sts:AssumeRole` gave."""
        return _client(self.endpoint, service, credentials)

    def invoke(self, function: str, event: object) -> Any:
        """What the function (by logical id) returns for `event`. Raises `RuntimeError` where it fails."""
        answer = self.client("lambda").invoke(
            FunctionName=self.physical_ids[function], Payload=json.dumps(event).encode()
        )
        result = json.loads(answer["Payload"].read())
        if "FunctionError" in answer:
            raise RuntimeError(result)
        return result

    def configure(self, function: str, **variables: str) -> None:
        """Adds to the environment of the function."""
        client, name = self.client("lambda"), self.physical_ids[function]
        given = client.get_function_configuration(FunctionName=name).get("Environment", {}).get("Variables", {})
        client.update_function_configuration(FunctionName=name, Environment={"Variables": given | variables})


def package() -> Path:
    """The directory of the package as `make package` leaves it, made anew where a source is younger.

    Raises `subprocess.CalledProcessError`, and `subprocess.TimeoutExpired` after ten minutes.
    """
    _PACKAGE.parent.mkdir(exist_ok=True)
    with (_PACKAGE.parent / "dev.lock").open("w") as lock:
        flock(lock, LOCK_EX)  # tests run in several processes
        if not _is_current(_PACKAGE / "sam.yaml"):
            # Nothing of the settings of who asks: they decide what is packaged.
            settings = ("AWS_", "GATEHOUSE_", "MAKE")
            environment = {name: text for name, text in os.environ.items() if not name.startswith(settings)}
            command = ["make", "--no-print-directory", "package", "STAGE=dev", f"ARCHITECTURE={_ARCHITECTURE}"]
            subprocess.run(  # noqa: S603 (our own command)
                command, cwd=ROOT, env=environment, check=True, capture_output=True, timeout=_PACKAGE_TIMEOUT
            )
    return _PACKAGE


def _is_current(made: Path) -> bool:
    if not made.exists() or f"- {_ARCHITECTURE}" not in made.read_text():
        return False
    files = [ROOT / source for source in _SOURCES]
    files += [file for kind in ("*.py", "*.json", "*.txt") for file in (ROOT / "chalicelib").rglob(kind)]
    files += [
        ROOT / "requirements.txt",
        ROOT / "requirements.lock",
        *(ROOT / "infra").glob("*.yaml"),
        *(ROOT / ".chalice").glob("policy*.json"),
    ]
    return made.stat().st_mtime > max(file.stat().st_mtime for file in files)


@contextmanager
def running(directory: Path, environment: Path = ministack.ENVIRONMENT) -> Iterator[Deployed]:
    """Starts ministack from the virtual environment at `environment` and creates the package in `directory` there.

    It ends with the block, or with this process. Raises `ministack.NotInstalledError`; `RuntimeError` where
    the stack cannot be created.
    """
    # With AUTH every call is signed, and allowed by a policy.
    with ministack.serving(environment, AUTH="true", AWS_ACCESS_KEY_ID=_ROOT, LOG_LEVEL="CRITICAL") as port:
        endpoint = f"http://127.0.0.1:{port}"
        packaged = yaml.safe_load((directory / "sam.yaml").read_text())
        deployed = Deployed(endpoint, _create(endpoint, directory, packaged), packaged)
        _put_gateway_responses(deployed)
        # Its address on AWS leads nowhere here.
        deployed.configure("Gate", GATEHOUSE_JWKS_URI=f"{deployed.url}/.well-known/jwks.json")
        yield deployed


def _client(endpoint: str, service: str, credentials: Mapping[str, str] | None = None) -> Any:
    given = credentials or {"AccessKeyId": _ROOT, "SecretAccessKey": _ROOT}
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name=_REGION,
        aws_access_key_id=given["AccessKeyId"],
        aws_secret_access_key=given["SecretAccessKey"],
        aws_session_token=given.get("SessionToken"),
        config=Config(retries={"total_max_attempts": 1}),
    )


def known_to_ministack(value: Any) -> Any:
    """`value`, some part of a template, as ministack's IAM understands it.

    It does not know the keys `kms:EncryptionContext:…`, so there such a condition never holds: it is left out. And
    it knows a log group by the ARN without the `:*` at the end that AWS wants in a policy.
    """
    match value:
        case list():
            return [known_to_ministack(item) for item in value]
        case {"Effect": _, "Resource": {"Fn::GetAtt": [str(name), "Arn"]}} if name.endswith("Logs"):
            return {**value, "Resource": {"Fn::Sub": _LOG_GROUP.format(name)}}
        case dict():
            kept = {
                name: item
                for name, item in value.items()
                if name != "Condition" or "kms:Encryption" not in str(item)
            }
            return {name: known_to_ministack(item) for name, item in kept.items()}
    return value


def _create(endpoint: str, directory: Path, packaged: Mapping[str, Any]) -> dict[str, str]:
    """Creates the stack, as `aws cloudformation package` and `deploy` would, and gives its physical ids."""
    s3 = _client(endpoint, "s3")
    s3.create_bucket(Bucket=_BUCKET)
    s3.upload_file(str(directory / "deployment.zip"), _BUCKET, "deployment.zip")
    body = json.dumps(known_to_ministack(packaged)).replace("./deployment", f"s3://{_BUCKET}/deployment")
    s3.put_object(Bucket=_BUCKET, Key="template.json", Body=body.encode())
    cloudformation = _client(endpoint, "cloudformation")
    cloudformation.create_stack(
        StackName=STACK,
        TemplateURL=f"{endpoint}/{_BUCKET}/template.json",
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
    )
    _wait_until_created(cloudformation)
    made = cloudformation.describe_stack_resources(StackName=STACK)["StackResources"]
    return {item["LogicalResourceId"]: item["PhysicalResourceId"] for item in made}


def _wait_until_created(cloudformation: Any) -> None:
    end = time.monotonic() + _CREATE_TIMEOUT
    while time.monotonic() < end:
        (stack,) = cloudformation.describe_stacks(StackName=STACK)["Stacks"]
        match stack["StackStatus"]:
            case "CREATE_COMPLETE":
                return
            case "CREATE_IN_PROGRESS":
                time.sleep(0.1)
            case status:
                raise RuntimeError(f"{status}: {stack.get('StackStatusReason')}")
    raise RuntimeError(f"The stack is not created after {_CREATE_TIMEOUT} seconds.")


def _put_gateway_responses(deployed: Deployed) -> None:
    # ministack passes over those of the definition.
    gateway, api_id = deployed.client("apigateway"), deployed.physical_ids["RestAPI"]
    definition = deployed.template["Resources"]["RestAPI"]["Properties"]["DefinitionBody"]
    for response_type, response in definition["x-amazon-apigateway-gateway-responses"].items():
        gateway.put_gateway_response(restApiId=api_id, responseType=response_type, **response)
    gateway.create_deployment(restApiId=api_id, stageName=STAGE)
