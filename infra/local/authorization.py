"""What API Gateway does with a Lambda authorizer: calls it, keeps its answer, and reads the policy as IAM does.

Sources: "Output from an API Gateway Lambda authorizer", "API Gateway Lambda authorizer workflow" and
"x-amazon-apigateway-authorizer object" in the API Gateway developer guide; "Policy evaluation logic" and
"IAM JSON policy elements: Resource" in the IAM user guide. By hand, for no library does it: Chalice's local
authorizer knows neither Deny nor the cache, and moto's IAM judges calls of AWS alone.
"""

import json
import logging
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from chalice.app import ChaliceAuthorizer

DEFAULT_TTL = 300  # seconds
MAX_RESOURCE_LENGTH = 512  # characters of a resource in the policy
_INVOKE = "execute-api:Invoke"
_MAX_REMEMBERED = 10_000

_log = logging.getLogger(__name__)


class RefusedError(Exception):
    """API Gateway answers by itself, with the gateway response `response_type`."""

    def __init__(self, response_type: str) -> None:
        self.response_type = response_type
        super().__init__(response_type)


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of a policy, its patterns as written."""

    allow: bool
    actions: tuple[str, ...]
    resources: tuple[str, ...]

    def speaks_of(self, arn: str) -> bool:
        """Whether this statement is about calling `arn`. Actions know no case (IAM), resources do."""
        return any(_matches(action.lower(), _INVOKE.lower()) for action in self.actions) and any(
            _matches(resource, arn) for resource in self.resources
        )


@dataclass(frozen=True, slots=True)
class Decision:
    """What an authorizer answered, checked: a policy, and a context as the function will see it."""

    statements: tuple[Statement, ...]
    context: Mapping[str, str]

    def allows(self, arn: str) -> bool:
        """IAM's evaluation: what is not allowed is denied, and a Deny wins over every Allow."""
        effects = {statement.allow for statement in self.statements if statement.speaks_of(arn)}
        return effects == {True}


class Authorization:
    """The authorizers of one API. `definitions` are its `securityDefinitions`, `clock` tells seconds."""

    def __init__(self, definitions: Mapping[str, Any], clock: Callable[[], float]) -> None:
        self._definitions = definitions
        self._clock = clock
        self._lock = threading.Lock()
        self._remembered: dict[tuple[str, ...], tuple[float, Decision]] = {}

    def context(
        self,
        authorizer: ChaliceAuthorizer,
        event: Mapping[str, Any],
        arn: str,
        lambda_context: Any,
    ) -> dict[str, Any]:
        """What the function finds in `requestContext.authorizer`. `event` is the function's, without that; its
        headers have names in lower case.

        Raises `RefusedError`.
        """
        definition = self._definitions[authorizer.name]
        settings = definition["x-amazon-apigateway-authorizer"]
        ttl = settings.get("authorizerResultTtlInSeconds", DEFAULT_TTL)
        if settings["type"] == "request":
            asked, identity = _request(settings, event, arn, cached=ttl > 0)
        else:
            asked, identity = _token(definition, event, arn)
        key = (authorizer.name, event["requestContext"]["stage"], *identity)
        decision = self._recall(key)
        if decision is None:
            decision = _ask(authorizer, asked, lambda_context)
            self._remember(key, decision, ttl)
        if not decision.allows(arn):
            raise RefusedError("ACCESS_DENIED")
        return {**decision.context, "integrationLatency": 0}

    def _recall(self, key: tuple[str, ...]) -> Decision | None:
        with self._lock:
            until, decision = self._remembered.get(key, (0.0, None))
        return decision if self._clock() < until else None

    def _remember(self, key: tuple[str, ...], decision: Decision, ttl: int) -> None:
        with self._lock:
            if len(self._remembered) >= _MAX_REMEMBERED:
                self._remembered.clear()
            self._remembered[key] = (self._clock() + ttl, decision)


_Asked = tuple[dict[str, Any], tuple[str, ...]]
"""The event for an authorizer, and what its answer is kept for."""


def _token(definition: Mapping[str, Any], event: Mapping[str, Any], arn: str) -> _Asked:
    # RFC 9110 §5.3: lines of one name are one list. Two Authorization lines are no token.
    token = ", ".join(event["multiValueHeaders"].get(definition["name"].lower(), []))
    expression = definition["x-amazon-apigateway-authorizer"].get("identityValidationExpression", ".*")
    if not token or not re.fullmatch(expression, token):
        raise RefusedError("UNAUTHORIZED")
    return {"type": "TOKEN", "methodArn": arn, "authorizationToken": token}, (token,)


def _request(settings: Mapping[str, Any], event: Mapping[str, Any], arn: str, *, cached: bool) -> _Asked:
    sources = [source.strip() for source in settings["identitySource"].split(",")]
    values = tuple(_identity(source, event) for source in sources)
    if cached and not all(values):
        raise RefusedError("UNAUTHORIZED")
    return {**event, "type": "REQUEST", "methodArn": arn}, values


def _identity(source: str, event: Mapping[str, Any]) -> str:
    """The value of an identity source; "" where there is none."""
    if source.startswith("method.request.header."):
        return ", ".join(event["multiValueHeaders"].get(source.rpartition(".")[2].lower(), []))
    if not source.startswith("context."):
        raise RefusedError("AUTHORIZER_CONFIGURATION_ERROR")  # of another kind, which nothing here uses
    return str(event["requestContext"].get(source.removeprefix("context.")) or "")


def _ask(authorizer: ChaliceAuthorizer, event: dict[str, Any], lambda_context: Any) -> Decision:
    try:
        # There and back through JSON, as between Lambda and API Gateway.
        answer = json.loads(json.dumps(authorizer(event, lambda_context)))
    except Exception as error:  # noqa: BLE001 (whatever the authorizer raises)
        if str(error) == "Unauthorized":
            raise RefusedError("UNAUTHORIZED") from None
        _log.exception("The authorizer %s failed.", authorizer.name)
        raise RefusedError("AUTHORIZER_FAILURE") from None
    try:
        return _decision(answer)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        _log.error("The answer of the authorizer %s is malformed: %r", authorizer.name, error)
        raise RefusedError("AUTHORIZER_CONFIGURATION_ERROR") from None


def _decision(answer: dict[str, Any]) -> Decision:
    principal_id, policy = answer["principalId"], answer["policyDocument"]
    if not isinstance(principal_id, str) or not principal_id:
        raise ValueError("principalId")
    statements = policy["Statement"]
    context = {name: _scalar(name, value) for name, value in answer.get("context", {}).items()}
    return Decision(
        tuple(_statement(item) for item in (statements if isinstance(statements, list) else [statements])),
        {**context, "principalId": principal_id},
    )


def _statement(item: dict[str, Any]) -> Statement:
    # Conditions and the Not… elements are refused rather than misread.
    if not item.keys() <= {"Sid", "Effect", "Action", "Resource"} or item["Effect"] not in {"Allow", "Deny"}:
        raise ValueError("Statement")
    resources = _strings(item["Resource"])
    if any(len(resource) > MAX_RESOURCE_LENGTH for resource in resources):
        raise ValueError("Resource")
    return Statement(item["Effect"] == "Allow", _strings(item["Action"]), resources)


def _strings(value: object) -> tuple[str, ...]:
    strings = value if isinstance(value, list) else [value]
    if not strings or not all(isinstance(string, str) for string in strings):
        raise ValueError("not one string or more")
    return tuple(strings)


def _scalar(name: str, value: object) -> str:
    """The text that API Gateway makes of a context value: strings, numbers and booleans alone are allowed."""
    if isinstance(value, str):
        return value
    if not isinstance(value, bool | int | float):
        raise ValueError(f"context value {name}")
    return json.dumps(value)


def _matches(pattern: str, text: str) -> bool:
    """IAM's wildcards: `*` is any run of characters, slashes too, `?` any one. Nothing escapes them."""
    expression = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(expression, text, re.DOTALL) is not None
