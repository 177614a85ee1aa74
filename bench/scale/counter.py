"""Counting what an operation asks of AWS, at the clients that ask."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import boto3
from awslambdaric.lambda_runtime_log_utils import JsonFormatter

from bench.scale.units import Attributes, Units, of_call
from chalicelib import services
from infra.emulated.aws_calls import Call, operations, recorded

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
        self._calls: list[Call] = []
        self._log_bytes = 0

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Clients that are made in the block are watched for as long as they live."""
        boto3.setup_default_session()
        session = boto3.DEFAULT_SESSION
        assert session is not None  # noqa: S101 (it has just been made)
        log = logging.getLogger("gatehouse")
        log.addHandler(self)
        try:
            with recorded(session.events) as self._calls:
                yield
        finally:
            log.removeHandler(self)
            boto3.setup_default_session()

    def count(self, act: Callable[[], object]) -> Counted:
        """What `act` asks of AWS."""
        self._calls.clear()
        self._log_bytes = 0
        act()
        calls = list(self._calls)
        return Counted(tuple(operations(calls)), sum(map(_units, calls), _NOTHING), self._log_bytes)

    def emit(self, record: logging.LogRecord) -> None:
        record.aws_request_id = _REQUEST_ID
        self._log_bytes += len(self.format(record).encode()) + LOG_EVENT


def _units(call: Call) -> Units:
    if call.service != "dynamodb":
        return _NOTHING
    return of_call(call.operation, call.parameters, call.answer, _look)


def _look(table: str, key: Attributes) -> Attributes:
    dynamodb = services.current().users.table.client
    found: Attributes = dynamodb.get_item(TableName=table, Key=key)["Item"]
    return found
