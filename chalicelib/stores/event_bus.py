"""Security events to an EventBridge bus."""

import json
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from botocore.config import Config

from chalicelib.errors import StoreUnavailableError
from chalicelib.stores.aws import available, connect

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient

SOURCE = "gatehouse"

# Nobody waits long for a second copy of what the log has already.
_CONFIG = Config(connect_timeout=1, read_timeout=1, retries={"total_max_attempts": 1})


class EventBridgeBus:
    """The bus of that name or ARN."""

    def __init__(self, name: str) -> None:
        self._name = name

    @cached_property
    def _client(self) -> "EventBridgeClient":
        return connect("events", _CONFIG)

    def put(self, event: Mapping[str, Any]) -> None:
        """Sends `event` as the detail; its name is the detail type. Raises `StoreUnavailableError`."""
        entry = {
            "EventBusName": self._name,
            "Source": SOURCE,
            "DetailType": event["event"],
            "Detail": json.dumps(event),
        }
        with available():
            answer = self._client.put_events(Entries=[entry])  # type: ignore[list-item]
        # PutEvents answers 200 for an entry that it did not take.
        if answer["FailedEntryCount"]:
            raise StoreUnavailableError(detail=f"PutEvents: {answer['Entries'][0].get('ErrorCode')}")
