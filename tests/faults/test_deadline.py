"""The time that a request has: no try begins after it, and with it every function stays within its time limit."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import pytest
from botocore.awsrequest import AWSResponse, HeadersDict
from botocore.exceptions import ClientError

from chalicelib import deadline, schedule
from chalicelib.errors import StoreUnavailableError
from chalicelib.services import Services
from chalicelib.stores import aws
from infra.emulated.lambda_events import SCHEDULED
from tests.faults.trial import CONFIG, TIME_LIMIT
from tests.support.aws_calls import recorded
from tests.support.client import Client

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# What is no call: opening keys and hashing passwords, after the last answer came.
REST = 2


def test_the_last_try_ends_within_the_time_limit_of_every_function() -> None:
    connecting, reading = (getattr(aws._CONFIG, f"{wait}_timeout") for wait in ("connect", "read"))
    assert deadline.INVOCATION + connecting + reading + REST <= TIME_LIMIT
    assert not any("lambda_timeout" in own for own in CONFIG["lambda_functions"].values())


def test_no_call_begins_after_the_deadline(services: Services) -> None:
    with recorded() as calls, deadline.within(0), pytest.raises(StoreUnavailableError) as raised:
        services.users.by_username("zoe")
    assert raised.value.detail == "out of time"
    assert len(calls) == 1  # that was asked for, and never sent
    assert services.users.by_username("zoe") is None


def test_a_deadline_ends_with_its_block() -> None:
    with deadline.within(0):
        assert deadline.passed()
        with deadline.within(60):
            assert not deadline.passed()
        assert deadline.passed()
    assert not deadline.passed()


def test_every_request_has_one(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deadline, "INVOCATION", 0)
    assert client.send("GET", "/.well-known/jwks.json").status == 503
    assert not deadline.passed()


def test_so_has_the_scheduled_rotation(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deadline, "INVOCATION", 0)
    with pytest.raises(StoreUnavailableError, match="briefly"):
        schedule.rotate_keys(SCHEDULED, None)


@dataclass
class Answering:
    """Answers each try of a client itself, and ends the time there is while it does. Keeps the pauses."""

    status: int
    body: bytes
    patch: pytest.MonkeyPatch
    late: bool = False
    tries: int = 0
    pauses: list[float] = field(default_factory=list)

    def client(self) -> "DynamoDBClient":
        client: Any = aws.connect("dynamodb")
        client.meta.events.register_last("before-send", self._answer)
        self.patch.setattr("botocore.endpoint.time.sleep", self.pauses.append)
        return cast("DynamoDBClient", client)

    def _answer(self, request: Any, **_: object) -> AWSResponse:
        self.tries += 1
        if self.late:
            self.patch.setattr(deadline, "passed", lambda: True)
        headers: Any = HeadersDict({"x-amz-retry-after": "5000"})
        response: Any = AWSResponse(request.url, self.status, headers, None)
        response._content = self.body
        return cast("AWSResponse", response)


THROTTLED = 400, b'{"__type": "com.amazonaws#ThrottlingException"}'


def test_no_pause_is_as_long_as_aws_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    answering = Answering(*THROTTLED, monkeypatch)
    with pytest.raises(ClientError):
        answering.client().list_tables()
    assert answering.tries == 3
    assert sum(answering.pauses) <= 3


def test_after_a_failure_that_came_too_late_there_is_no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    answering = Answering(*THROTTLED, monkeypatch, late=True)
    with pytest.raises(StoreUnavailableError):
        answering.client().list_tables()
    assert (answering.tries, answering.pauses) == (1, [])


def test_a_good_answer_that_came_too_late_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    answering = Answering(200, b'{"TableNames": ["one"]}', monkeypatch, late=True)
    assert answering.client().list_tables()["TableNames"] == ["one"]
