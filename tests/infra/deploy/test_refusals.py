"""What is missing is told in one line, and nothing is done."""

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from pathlib import Path
from unittest import mock

import boto3
import pytest
from botocore.exceptions import ClientError

from infra import refusal
from infra.deploy import account, deployment, destroy
from infra.deploy.cloudformation import Stack
from infra.deploy.deployment import Deployment
from infra.package import build, runtimes
from infra.package.runtimes import Runtime
from tests.infra.deploy.conftest import BUCKET, REGION, allow_access_logs

pytestmark = [pytest.mark.ministack, pytest.mark.xdist_group("deploy")]


@pytest.fixture(autouse=True)
def nothing_is_packaged(monkeypatch: pytest.MonkeyPatch) -> None:
    def package_nothing(*_: object) -> None:
        raise AssertionError("packaged before everything was there")

    monkeypatch.setattr(build, "package", package_nothing)


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A shell in which nothing leads to AWS."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def line(command: Callable[[], None]) -> str:
    """The line with which the program ends."""
    with pytest.raises(SystemExit) as ended:
        refusal.run(command)
    told = str(ended.value)
    assert "\n" not in told
    return told


def deploying(*arguments: str) -> str:
    return line(lambda: deployment.main([*arguments]))


def test_an_unknown_stage(operator: Mapping[str, str]) -> None:
    expected = "gatehouse: there is no stage 'staging' in .chalice/config.json: STAGE is dev or prod."
    assert deploying("staging") == expected
    assert line(lambda: destroy.main(["staging"])) == expected


def test_no_credentials(nobody: None) -> None:
    assert deploying("dev").startswith("gatehouse: there are no AWS credentials. `aws configure sso` makes")


def test_no_region(nobody: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIA")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    assert deploying("dev") == "gatehouse: no AWS region is set. AWS_REGION=eu-central-1 would."


def test_a_profile_that_there_is_not(nobody: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "mislaid")
    assert deploying("dev").startswith("gatehouse: the AWS profile can't be used:")


def test_credentials_that_aws_does_not_take(operator: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    class Sts:
        def get_caller_identity(self) -> None:
            told = {"Error": {"Code": "ExpiredToken", "Message": "The security token has expired."}}
            raise ClientError(told, "GetCallerIdentity")  # type: ignore[arg-type]

    monkeypatch.setattr(boto3.Session, "client", lambda *_: Sts())
    assert deploying("dev") == "gatehouse: AWS doesn't take these credentials: The security token has expired."


def test_an_aws_that_does_not_answer(operator: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    assert deploying("dev").startswith("gatehouse: Could not connect to the endpoint URL")


def test_a_python_whose_time_is_over(operator: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    over = Runtime("python3.99", 34, date(2026, 1, 1))
    monkeypatch.setattr(runtimes, "RUNTIMES", {sys.version_info[:2]: over})
    assert deploying("dev").startswith("gatehouse: AWS ended its support of python3.99 on 2026-01-01. Install")


@pytest.fixture
def no_role_for_logs(operator: Mapping[str, str]) -> Iterator[None]:
    before = account.find().client("apigateway").get_account()["cloudwatchRoleArn"]
    allow_access_logs("")
    yield
    allow_access_logs(before)


def test_no_role_with_which_api_gateway_writes_logs(no_role_for_logs: None) -> None:
    told = deploying("dev")
    assert told.startswith(f"gatehouse: API Gateway may not write logs in {REGION}: its account settings name no")
    assert 'docs/deploy.md, "Once for an account"' in told
    assert "## Once for an account" in (build.ROOT / "docs" / "deploy.md").read_text()


def test_no_bucket(operator: Mapping[str, str]) -> None:
    told = deploying("dev", "--bucket", "mislaid-packages")
    assert told == (
        "gatehouse: the bucket mislaid-packages for the packages is missing. CREATE_BUCKET=yes makes it, BUCKET=… "
        "names another."
    )


@pytest.mark.parametrize("rollback", [(), ("--rollback", "84fbf587f469")])
def test_a_bucket_that_is_not_versioned(operator: Mapping[str, str], rollback: tuple[str, ...]) -> None:
    where, name = {"LocationConstraint": REGION}, f"unversioned-{len(rollback)}"
    account.find().client("s3").create_bucket(Bucket=name, CreateBucketConfiguration=where)
    told = deploying("dev", "--bucket", name, *rollback)
    assert told.startswith(f"gatehouse: the bucket {name} is not versioned, so what was compared could be changed")
    assert f"`aws s3api put-bucket-versioning --bucket {name} --versioning-configuration " in told


def test_the_bucket_has_the_name_of_account_and_region(operator: Mapping[str, str]) -> None:
    assert Deployment("dev").releases.bucket == BUCKET


def test_a_bucket_of_somebody_else(operator: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    client = account.find().client("s3")

    def head_bucket(**_: object) -> None:
        raise ClientError({"Error": {"Code": "403", "Message": "Forbidden"}}, "HeadBucket")

    client.head_bucket = head_bucket
    deployment = Deployment("dev")
    monkeypatch.setattr(deployment.releases, "_s3", client)
    told = line(lambda: deployment.releases.check(create=True))
    assert told.startswith(f"gatehouse: the bucket {BUCKET} belongs to another account")


@pytest.mark.parametrize("text", ["RequestsPerSecond", "=5", "Requests PerSecond=5"])
def test_parameters_that_are_no_pairs(operator: Mapping[str, str], text: str) -> None:
    assert deploying("dev", "--parameters", text).startswith('gatehouse: PARAMETERS is written PARAMETERS="Name=')


def test_pairs_may_hold_what_a_shell_quotes() -> None:
    assert deployment.pairs("One=1 Two='2 = 3' Three=", "PARAMETERS") == {"One": "1", "Two": "2 = 3", "Three": ""}


def test_destroying_what_there_is_not(operator: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-west-3")  # where no test deploys anything
    assert line(lambda: destroy.main(["dev", "--yes", "yes"])) == (
        "gatehouse: there is no stack gatehouse-dev in account 000000000000, eu-west-3."
    )


@pytest.mark.parametrize("change_set", ["CREATE_IN_PROGRESS", "CREATE_COMPLETE"])
def test_an_aws_that_never_comes_to_an_end(change_set: str) -> None:
    client = mock.Mock()
    client.describe_stacks.return_value = {"Stacks": [{"StackStatus": "CREATE_COMPLETE", "StackId": "id"}]}
    client.describe_change_set.return_value = {"Status": change_set}
    event = {
        "EventId": "newest",
        "ResourceStatus": "UPDATE_IN_PROGRESS",
        "PhysicalResourceId": "id",
        "StackId": "id",
    }
    client.get_paginator.return_value.paginate.return_value = [{"StackEvents": [event]}]
    stack = Stack(client, "gatehouse-dev", interval=0, timeout=0)

    def apply() -> None:
        stack.apply("https://bucket.example/template", {}, {})

    told = line(apply)
    assert told.startswith("gatehouse: AWS is not done with gatehouse-dev after 0 seconds")
    assert client.execute_change_set.called == (change_set == "CREATE_COMPLETE")


def test_what_aws_refuses_at_any_other_place_is_one_line_too() -> None:
    def refused() -> None:
        told = {"Error": {"Code": "AccessDenied", "Message": "You may not."}}
        raise ClientError(told, "CreateChangeSet")  # type: ignore[arg-type]

    assert line(refused) == "gatehouse: AWS refused CreateChangeSet: You may not."
