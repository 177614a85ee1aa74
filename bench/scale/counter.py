"""Counting what an operation asks of AWS, at the clients that ask."""

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
from awslambdaric.lambda_runtime_log_utils import JsonFormatter

from bench.scale.units import Attributes, Units, of_call
from chalicelib import services

_REQUEST_ID = "6bc3c4f1-9e8b-4d2c-8e4f-0d1a2b3c4d5e"
LOG_EVENT = 26  # bytes that CloudWatch counts for each line besides ("PutLogEvents")
_NOTHING = Units()


@dataclass(frozen=True, slots=True)
class Counted:
    """What one operation asks of AWS: its calls, their request units, and the bytes that its function logs."""

    calls: tuple[str, ...] = ()
    units: Units = _NOTHING
    log_bytes: int = 0


class Counter(logging.Handler):
    """Counts the calls of every client made while it watches, and the bytes that Lambda would log."""

    def __init__(self) -> None:
        super().__init__()
        self.formatter = JsonFormatter()
        self.counted = Counted()
        self._sent: dict[str, Any] = {}
        self._counts = False

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Clients that are made in the block are watched for as long as they live."""
        boto3.setup_default_session()
        session = boto3.DEFAULT_SESSION
        assert session is not None  # noqa: S101 (it has just been made)
        events = session.events
        log = logging.getLogger("gatehouse")
        events.register("before-call", self._before)
        events.register("after-call", self._after)
        log.addHandler(self)
        try:
            yield
        finally:
            log.removeHandler(self)
            boto3.setup_default_session()

    def count(self, act: Callable[[], object]) -> Counted:
        """What `act` asks of AWS."""
        self.counted, self._counts = Counted(), True
        try:
            act()
        finally:
            self._counts = False
        return self.counted

    def emit(self, record: logging.LogRecord) -> None:
        if not self._counts:
            return
        record.aws_request_id = _REQUEST_ID
        self._add(log_bytes=len(self.format(record).encode()) + LOG_EVENT)

    def _before(self, params: Mapping[str, Any], **_: object) -> None:
        if self._counts:
            self._sent = json.loads(params["body"])

    def _after(self, model: Any, parsed: Mapping[str, Any], **_: object) -> None:
        if not self._counts:
            return
        charged = _NOTHING
        if model.service_model.service_name == "dynamodb":
            charged = of_call(model.name, self._sent, parsed, self._look)
        self._add((model.name,), charged)

    def _look(self, table: str, key: Attributes) -> Attributes:
        self._counts = False
        try:
            dynamodb = services.current().users.table.client
            found: Attributes = dynamodb.get_item(TableName=table, Key=key)["Item"]
            return found
        finally:
            self._counts = True

    def _add(self, calls: tuple[str, ...] = (), units: Units = _NOTHING, log_bytes: int = 0) -> None:
        one = self.counted
        self.counted = Counted(one.calls + calls, one.units + units, one.log_bytes + log_bytes)
