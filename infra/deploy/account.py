"""The AWS account of the environment, as boto3 finds it, and whether it is ready for Gatehouse."""

import os
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from infra.refusal import RefusalError


@dataclass(frozen=True)
class Account:
    """The account `id` in `region`."""

    id: str
    region: str
    session: Any

    def client(self, service: str) -> Any:
        """A boto3 client of `service`."""
        return self.session.client(service)

    @property
    def bucket(self) -> str:
        """The name of the bucket for packages, where no other is given."""
        return f"gatehouse-packages-{self.id}-{self.region}"


def find() -> Account:
    """The account that environment, profile or role lead to. Raises `RefusalError` for what is missing."""
    try:
        session = boto3.Session(region_name=os.environ.get("AWS_REGION"))  # boto3 knows AWS_DEFAULT_REGION alone
        credentials = session.get_credentials()
    except BotoCoreError as error:
        raise RefusalError(f"the AWS profile can't be used: {error}") from None
    if credentials is None:
        raise RefusalError(
            "there are no AWS credentials. `aws configure sso` makes a profile, AWS_PROFILE names one, and "
            "AWS_ACCESS_KEY_ID with AWS_SECRET_ACCESS_KEY do too."
        )
    if session.region_name is None:
        raise RefusalError("no AWS region is set. AWS_REGION=eu-central-1 would.")
    try:
        account_id: str = session.client("sts").get_caller_identity()["Account"]
    except ClientError as error:
        answer = error.response["Error"]
        reason = answer.get("Message") or answer["Code"]
        raise RefusalError(f"AWS doesn't take these credentials: {reason}") from None
    return Account(account_id, session.region_name, session)


def check_access_logs(account: Account) -> None:
    """Raises `RefusalError` while API Gateway has no role to write access logs with.

    One role serves the whole account and region ("Set up CloudWatch logging for REST APIs in API Gateway"), so no
    stack may own it.
    """
    if not account.client("apigateway").get_account().get("cloudwatchRoleArn"):
        raise RefusalError(
            f"API Gateway may not write logs in {account.region}: its account settings name no CloudWatch role. "
            'docs/deploy.md, "Once for an account", has the commands.'
        )
