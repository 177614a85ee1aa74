"""How this service speaks to AWS: clients whose calls end in good time, and failures in our own words."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal, overload

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from chalicelib.errors import StoreUnavailableError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_kms import KMSClient

# A call ends within the function's time limit: at most three tries of two seconds each.
_CONFIG = Config(connect_timeout=1, read_timeout=2, retries={"mode": "standard", "total_max_attempts": 3})

# What the caller answers for: the conditions of its writes, and requests that could never succeed.
_CALLERS = frozenset(
    {
        "ConditionalCheckFailedException",
        "TransactionCanceledException",
        "ValidationException",
        "SerializationException",
    }
)
_connecting = Lock()


@overload
def connect(service: Literal["dynamodb"]) -> "DynamoDBClient": ...
@overload
def connect(service: Literal["kms"]) -> "KMSClient": ...
def connect(service: Any) -> Any:
    """A client of `service`. It makes no call by itself, and threads may share it.

    Raises `StoreUnavailableError` where the environment names no region.
    """
    # Clients may be shared by threads; making them may not.
    with _connecting, available():
        client = boto3.client(service, config=_CONFIG)
    client.meta.events.register("before-parse", _refuse_half)
    return client


def _refuse_half(response_dict: Mapping[str, Any], **_: object) -> None:
    # botocore reads an answer that was cut off as an empty one: nothing found, nothing revoked.
    try:
        if response_dict["status_code"] < HTTPStatus.MULTIPLE_CHOICES:
            json.loads(response_dict["body"])
    except ValueError as error:
        raise ResponseParserError("the answer is not JSON") from error


@contextmanager
def available() -> Iterator[None]:
    """Turns every failure of AWS or of the way there into `StoreUnavailableError`."""
    try:
        yield
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code in _CALLERS:
            raise
        raise StoreUnavailableError(detail=f"{error.operation_name}: {code}") from None
    except (BotoCoreError, ResponseParserError) as error:
        raise StoreUnavailableError(detail=type(error).__name__) from None
