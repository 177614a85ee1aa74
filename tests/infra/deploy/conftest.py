"""An AWS account to deploy to, on ministack, and packages to deploy. Each is made once."""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any
from unittest import mock

import boto3
import pytest

from infra.deploy import account
from infra.deploy.cloudformation import Stack
from infra.deploy.deployment import Deployment, stack_name
from infra.deploy.destroy import destroy
from infra.emulated import deployed, ministack
from infra.package import build

REGION = "eu-central-1"
INTERVAL = 0.05  # seconds
UNPROTECTED = {"ProtectData": "false"}
BUCKET = f"gatehouse-packages-000000000000-{REGION}"


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "ministack: runs against ministack, for races")


@pytest.fixture(scope="session")
def aws() -> Iterator[Mapping[str, str]]:
    """The environment that leads to an account, ready but for the bucket."""
    with ministack.serving(LOG_LEVEL="CRITICAL") as port:
        environment = {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
            "AWS_ACCESS_KEY_ID": "emulated",
            "AWS_SECRET_ACCESS_KEY": "emulated",
            "AWS_REGION": REGION,
        }
        with mock.patch.dict(os.environ, environment):
            allow_access_logs("arn:aws:iam::000000000000:role/api-gateway-logs")
        yield environment


def allow_access_logs(role: str) -> None:
    """Names the role in the account's settings of API Gateway. Empty: none."""
    change = {"op": "replace", "path": "/cloudwatchRoleArn", "value": role}
    account.find().client("apigateway").update_account(patchOperations=[change])


@pytest.fixture
def operator(aws: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> Mapping[str, str]:
    """The environment of whoever deploys to the account. All that changes it is undone by one, in one order."""
    for name, text in aws.items():
        monkeypatch.setenv(name, text)
    return aws


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the app: nobody edits it while it is packaged."""
    return copy(build.ROOT, tmp_path_factory.mktemp("clone"))


def copy(project: Path, where: Path) -> Path:
    shutil.copy(project / "app.py", where)
    shutil.copytree(project / "chalicelib", where / "chalicelib", ignore=shutil.ignore_patterns("__pycache__"))
    return where


@pytest.fixture(scope="session")
def packaged(project: Path) -> Path:
    """The directory of the package of prod."""
    return build.package("prod", project=project)


@pytest.fixture(scope="session")
def dev(aws: Mapping[str, str], project: Path) -> tuple[Deployment, str]:
    """The stage dev, deployed, not protected, and what that printed. It is everybody's: a test leaves it so."""
    with mock.patch.dict(os.environ, aws):
        deployment, printed = Deployment("dev", interval=INTERVAL), StringIO()
        with redirect_stdout(printed):
            deploy(deployment, project=project, parameters=UNPROTECTED)
    return deployment, printed.getvalue()


@pytest.fixture
def prod(operator: Mapping[str, str]) -> Iterator[Deployment]:
    """The stage prod, which isn't deployed, and won't be after the test."""
    deployment = Deployment("prod", interval=INTERVAL)
    yield deployment
    if deployment.stack.described():
        unprotect(deployment.stack)
        destroy("prod", lambda _: stack_name("prod"), delete_data=True, interval=INTERVAL)


def unprotect(stack: Stack) -> None:
    """What destroy tells an operator to do."""
    client = boto3.client("cloudformation", region_name=REGION)
    client.update_termination_protection(StackName=stack.name, EnableTerminationProtection=False)


def deploy(deployment: Deployment, **options: Any) -> None:
    """`make deploy CREATE_BUCKET=yes`, without what ministack's CloudFormation doesn't know."""
    deployment.deploy(create_bucket=True, transform=deployed.known_to_ministack, **options)
