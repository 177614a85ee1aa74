"""What is asked of AWS, written down at the boto3 clients that ask: each call once, however often it is tried."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

_NO_ANSWER: Mapping[str, Any] = {}


@dataclass(slots=True)
class Call:
    """One call to AWS: its parameters as the client got them, and what came back, which is empty until then."""

    service: str
    operation: str
    parameters: Mapping[str, Any] = field(repr=False)
    answer: Mapping[str, Any] = field(repr=False, default_factory=lambda: _NO_ANSWER)


def operations(calls: list[Call]) -> list[str]:
    """Their names."""
    return [call.operation for call in calls]


@contextmanager
def recorded(*emitters: Any, with_capacity: bool = False) -> Iterator[list[Call]]:
    """The calls to DynamoDB and KMS, in the order in which they are made.

    `emitters` are the events of clients (`client.meta.events`), or of a session: then of each client that it makes
    in the block, for as long as that lives. `with_capacity` asks DynamoDB to answer what each call consumes.
    """
    calls: list[Call] = []
    ours = f"calls-{id(calls)}"  # one call may be recorded by several

    def before(params: dict[str, Any], model: Any, context: dict[str, Any], **_: object) -> dict[str, Any] | None:
        call = Call(model.service_model.service_name, model.name, dict(params))
        calls.append(call)
        context[ours] = call
        asks = with_capacity and "ReturnConsumedCapacity" in model.input_shape.members
        return params | {"ReturnConsumedCapacity": "TOTAL"} if asks else None

    def after(parsed: Mapping[str, Any], context: Mapping[str, Any], **_: object) -> None:
        if ours in context:
            context[ours].answer = parsed

    handlers = {
        f"{event}.{service}": handler
        for service in ("dynamodb", "kms")
        for event, handler in (("provide-client-params", before), ("after-call", after))
    }
    for emitter in emitters:
        for name, handler in handlers.items():
            emitter.register(name, handler)
    try:
        yield calls
    finally:
        for emitter in emitters:
            for name, handler in handlers.items():
                emitter.unregister(name, handler)
