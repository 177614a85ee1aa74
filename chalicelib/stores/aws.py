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

from chalicelib import deadline
from chalicelib.errors import StoreUnavailableError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_kms import KMSClient

# At most three tries, each of three seconds at the most; how many there is time for, `deadline` tells.
_CONFIG = Config(connect_timeout=1, read_timeout=2, retries={"mode": "standard", "total_max_attempts": 3})
_RETRY_AFTER = "x-amz-retry-after"

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
def connect(service: Literal["dynamodb"], config: Config | None = None) -> "DynamoDBClient": ...
@overload
def connect(service: Literal["kms"], config: Config | None = None) -> "KMSClient": ...
@overload
def connect(service: Literal["events"], config: Config | None = None) -> "EventBridgeClient": ...
def connect(service: Any, config: Config | None = None) -> Any:
    """A client of `service`, whose calls begin only before the `deadline`. It makes no call by itself, and threads
    may share it.

    Raises `StoreUnavailableError` where the environment names no region.
    """
    # Clients may be shared by threads; making them may not.
    with _connecting, available():
        client = boto3.client(service, config=config or _CONFIG)
    events, name = client.meta.events, client.meta.service_model.service_id.hyphenize()
    events.register("before-parse", _refuse_half)
    # Before each try; and, ahead of botocore's own handler of that name, before the pause after one that failed.
    events.register("before-send", _refuse_late)
    events.register_first(f"needs-retry.{name}", _refuse_late)
    return client


def _refuse_late(response: tuple[Any, Any] | None = None, **_: object) -> None:
    answer = response[0] if response else None
    if answer is not None:
        if answer.status_code < HTTPStatus.MULTIPLE_CHOICES:
            return
        # The pause is botocore's to choose: one that AWS asks for may be longer than all the time that is left.
        answer.headers.pop(_RETRY_AFTER, None)
    if deadline.passed():
        raise StoreUnavailableError(detail="out of time")


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
