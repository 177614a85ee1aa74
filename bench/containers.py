"""The service as the bench asks it: the app in this process, and its AWS (ministack) in another, whose CPU time is
not ours. Every call to AWS can be recorded, and made again without the service."""

import json
import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock
from urllib.parse import urlencode

import boto3
from awslambdaric.lambda_runtime_log_utils import JsonFormatter
from botocore import xform_name
from botocore.config import Config

from bench.client import basic
from chalicelib.accounts.password import Profile
from chalicelib.model import User
from chalicelib.services import Services, assemble, install
from chalicelib.stores import aws
from infra import demo
from infra.emulated import aws_calls, ministack
from infra.emulated.aws_calls import Call
from infra.emulated.lambda_events import proxy_event

# Costs nothing, protects nothing.
CHEAP = Profile(iterations=1, lanes=1, memory_cost=8)

SIGN_IN = "/tokens", basic("demo", "demo-password"), ""
connect = cache(aws.connect)

# That of the service's own clients.
CONFIG: dict[str, Any] = {
    name: getattr(aws._CONFIG, name) for name in ("connect_timeout", "read_timeout", "retries")
}


@contextmanager
def running() -> Iterator[Mapping[str, str]]:
    """ministack with the demo data, and the environment that reaches it, which is ours within the block."""
    with (
        ministack.running() as environment,
        mock.patch.dict(os.environ, environment),
        mock.patch("chalicelib.services.connect", connect),
        _logging(),
    ):
        demo.load(os.environ)
        try:
            yield environment
        finally:
            install(None)
            connect.cache_clear()


@contextmanager
def _logging() -> Iterator[None]:
    """Every line is written as Lambda's handler writes it, to nowhere."""
    root = logging.getLogger()
    with Path(os.devnull).open("w") as nowhere:
        handler = logging.StreamHandler(nowhere)
        handler.setFormatter(JsonFormatter())
        root.addHandler(handler)
        try:
            yield
        finally:
            root.removeHandler(handler)


def container(now: int | None = None, profile: Profile | None = None, **settings: Any) -> Services:
    """A container that knows nothing yet and answers from now on. Its clock stands still, so that what it has read
    grows no older; it is a little ahead. `settings` differ from the stage's."""
    made = assemble(os.environ)
    at = now or _next_bucket()
    made = replace(made, clock=lambda: at, profile=profile or made.profile)
    made = replace(made, settings=made.settings._replace(**settings))
    install(made)
    return made


def _next_bucket() -> int:
    # In the middle of a bucket of the revocation feed, so that a pull takes as many queries whenever this runs.
    return (int(time.time()) // 900 + 1) * 900 + 450


def user() -> User:
    """The demo user."""
    found = assemble(os.environ).users.by_username("demo")
    if found is None:
        raise LookupError("ministack has no demo data")
    return found


def post(path: str, headers: Mapping[str, str] | None = None, body: str = "") -> dict[str, Any]:
    """A request with a form."""
    return request("POST", path, headers, body)


def request(
    method: str,
    path: str,
    headers: Mapping[str, str] | None = None,
    body: str = "",
    context: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """API Gateway's event, with the gate's `context`."""
    sent = {"content-type": "application/x-www-form-urlencoded", "user-agent": "bench", **(headers or {})}
    return proxy_event(method, path, sent, body, context=context)


def refresh_event(refresh_token: str) -> dict[str, Any]:
    """The event that presents `refresh_token`."""
    return post("/tokens/refresh", body=urlencode({"refresh_token": refresh_token}))


def answered(answer: Mapping[str, Any]) -> Any:
    """The JSON body of a 200. Raises `RuntimeError` for any other answer."""
    if answer["statusCode"] != 200:
        raise RuntimeError(answer)
    return json.loads(answer["body"])


class Refreshing:
    """A client that refreshes at each call, with the token that the last answer gave."""

    def __init__(self, app: Callable[[Any, Any], Any], tokens: Mapping[str, str]) -> None:
        self._app = app
        self._token = tokens["refresh_token"]

    def event(self) -> dict[str, Any]:
        """The next request."""
        return refresh_event(self._token)

    def take(self, answer: Mapping[str, Any]) -> None:
        """Takes note of an answer to it."""
        self._token = answered(answer)["refresh_token"]

    def __call__(self) -> None:
        self.take(self._app(self.event(), None))


def recorded() -> AbstractContextManager[list[Call]]:
    """The calls to DynamoDB and KMS, as they are answered; what writes consume stands in the answers."""
    clients = (connect(service) for service in ("dynamodb", "kms"))
    return aws_calls.recorded(*(client.meta.events for client in clients), with_capacity=True)


def repeatable(calls: Iterable[Call]) -> list[tuple[str, str, dict[str, Any]]]:
    """Service, method and parameters of `calls`, in a form that can be made again and again.

    The write of a refresh holds once, for it moves the generation that it asks for. Here it sets the one that it
    has come to: the same expression and condition, with one digit changed.
    """
    made = []
    for call in calls:
        parameters = dict(call.parameters)
        values = parameters.get("ExpressionAttributeValues", {})
        if ":generation" in values:
            parameters["ExpressionAttributeValues"] = {**values, ":generation": values[":next"]}
        made.append((call.service, xform_name(call.operation), parameters))
    return made


def alone(calls: Iterable[Call]) -> Callable[[], None]:
    """Makes `calls` again, through plain boto3 clients of the same configuration."""
    clients: dict[str, Any] = {
        "dynamodb": boto3.client("dynamodb", config=Config(**CONFIG)),
        "kms": boto3.client("kms", config=Config(**CONFIG)),
    }
    bound = [(getattr(clients[service], method), given) for service, method, given in repeatable(calls)]

    def make() -> None:
        for method, parameters in bound:
            method(**parameters)

    return make
