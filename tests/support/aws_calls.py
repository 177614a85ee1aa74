"""What Gatehouse asks of AWS: every call recorded, let fail or met by another one, at the client that makes it."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from types import SimpleNamespace
from typing import Any

from infra.emulated import aws_calls
from infra.emulated.aws_calls import Call
from tests.conftest import connect


def recorded() -> AbstractContextManager[list[Call]]:
    """The calls to DynamoDB and KMS, as they are made."""
    return aws_calls.recorded(*(connect(service).meta.events for service in ("dynamodb", "kms")))


@contextmanager
def failing(operation: str) -> Iterator[list[str]]:
    """Lets every such call of DynamoDB fail, as a service error that outlasts all tries does. Gives them."""
    failed: list[str] = []

    def fail(model: Any, **_: object) -> Any:
        if model.name != operation:
            return None
        failed.append(operation)
        return _failure()

    with _before_calls("dynamodb", fail):
        yield failed


@contextmanager
def conflicting(operation: str, times: int) -> Iterator[None]:
    """Lets that many such calls of DynamoDB meet another writer of the same item, which no emulator shows."""
    code = "TransactionCanceledException" if operation == "TransactWriteItems" else "TransactionConflictException"
    reasons = [{"Code": "None"}, {"Code": "TransactionConflict"}]
    error = {"Error": {"Code": code, "Message": ""}, "CancellationReasons": reasons, "ResponseMetadata": {}}
    left = [(SimpleNamespace(status_code=400), error)] * times

    def meet(model: Any, **_: object) -> Any:
        return left.pop() if left and model.name == operation else None

    with _before_calls("dynamodb", meet):
        yield


@contextmanager
def away(what: str) -> Iterator[None]:
    """Lets every call fail that names the table `what`, or every call of KMS where that is `kms`."""

    def fail(model: Any, params: Any, **_: object) -> Any:
        asked = "kms" if model.service_model.service_name == "kms" else str(params["body"])
        return _failure() if what in asked else None

    with _before_calls("dynamodb", fail), _before_calls("kms", fail):
        yield


def _failure() -> tuple[SimpleNamespace, dict[str, Any]]:
    error = {"Error": {"Code": "InternalServerError", "Message": ""}, "ResponseMetadata": {}}
    return SimpleNamespace(status_code=500), error


@contextmanager
def met(operation: str, action: Callable[[], object]) -> Iterator[None]:
    """Does `action` just before the first such call goes out: the order in which two writers hurt each other."""
    to_come = [action]

    def meet(model: Any, **_: object) -> None:
        if model.name == operation and to_come:
            to_come.pop()()

    with _before_calls("dynamodb", meet):
        yield
    assert not to_come, f"{operation} was never called"


@contextmanager
def _before_calls(service: str, handler: Callable[..., Any]) -> Iterator[None]:
    events = connect(service).meta.events
    events.register(f"before-call.{service}", handler)
    try:
        yield
    finally:
        events.unregister(f"before-call.{service}", handler)
