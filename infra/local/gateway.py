"""The local gateway: between a request and the app it does what API Gateway does.

It is built on Chalice's own local mode (the thread-local app, the Lambda context, the ARNs). All that can be
configured comes from the OpenAPI definition that is deployed (`template.api_definition`): the routes, their
authorizer and its cache, preflight answers, and the body and headers of every error. By hand, for no library does
it: `chalice local` knows neither gateway responses nor an authorizer's cache, `sam local` needs containers.
"""

import base64
import json
import logging
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote

from chalice import Chalice
from chalice.app import ChaliceAuthorizer
from chalice.local import LambdaContext, LocalARNBuilder, LocalChalice

from infra import template
from infra.local.authorization import Authorization, RefusedError

MAX_BODY_LENGTH = 10 * 1024 * 1024  # bytes; "Quotas for configuring and running a REST API"
MAX_ARN_LENGTH = 1600  # bytes; "Output from an API Gateway Lambda authorizer"
_INTEGRATION_TIMEOUT = 29_000  # milliseconds

Headers = list[tuple[str, str]]

_log = logging.getLogger(__name__)


class Answer(NamedTuple):
    """An HTTP answer, as it goes to the client."""

    status: int
    headers: Headers
    body: bytes


class Route(NamedTuple):
    """A resource of the API that a path leads to, and the path's parameters, percent-decoded."""

    resource: str
    parameters: dict[str, str]


@dataclass(frozen=True)
class Request:
    """An HTTP request, with what API Gateway adds to it."""

    method: str
    target: str
    lines: tuple[tuple[str, str], ...]
    body: bytes
    source_ip: str
    request_id: str

    @cached_property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @cached_property
    def query(self) -> dict[str, list[str]]:
        return parse_qs(self.target.partition("?")[2], keep_blank_values=True)

    @cached_property
    def headers(self) -> dict[str, list[str]]:
        headers: dict[str, list[str]] = {}
        for name, value in self.lines:
            headers.setdefault(name.lower(), []).append(value)
        return headers


class Gateway:
    """Serves `app` as API Gateway would. `clock` tells the seconds by which an authorizer's answer ages.

    `handle` may be called from many threads at once.
    """

    def __init__(self, app: Chalice, clock: Callable[[], float] = time.monotonic) -> None:
        self._app = _thread_safe(app)
        definition = template.api_definition(app)
        self._operations: dict[str, dict[str, Any]] = {
            path: {verb.upper(): operation for verb, operation in operations.items()}
            for path, operations in definition["paths"].items()
        }
        self._responses: dict[str, Any] = definition["x-amazon-apigateway-gateway-responses"]
        self._binary_types = frozenset(definition["x-amazon-apigateway-binary-media-types"])
        self._authorization = Authorization(definition.get("securityDefinitions", {}), clock)
        self._arns = LocalARNBuilder()

    def handle(
        self, method: str, target: str, headers: Iterable[tuple[str, str]], body: bytes, source_ip: str
    ) -> Answer:
        """The answer to one request. `target` is path and query as sent; `source_ip` the peer's address."""
        request = Request(method, target, tuple(headers), body, source_ip, str(uuid.uuid4()))
        try:
            return self._serve(request)
        except RefusedError as refusal:
            return self.gateway_response(refusal.response_type, request.request_id)

    def gateway_response(self, response_type: str, request_id: str | None = None) -> Answer:
        """The answer that the template has for `response_type`."""
        request_id = request_id or str(uuid.uuid4())
        response = self._responses[response_type]
        headers = [_static_header(name, value) for name, value in response["responseParameters"].items()]
        body = response["responseTemplates"]["application/json"].replace("$context.requestId", request_id)
        return Answer(int(response["statusCode"]), [*headers, ("x-amzn-RequestId", request_id)], body.encode())

    def front_response(self, status: HTTPStatus) -> Answer:
        """The answer to a request that API Gateway turns away before it knows the API. No gateway response
        belongs to it; here it looks like the others."""
        headers = self.gateway_response("DEFAULT_4XX").headers
        problem = {"type": "about:blank", "title": status.phrase, "status": status, "detail": status.description}
        return Answer(status, headers, json.dumps(problem).encode())

    def _serve(self, request: Request) -> Answer:
        arn = self._arns.build_arn(request.method, request.path)
        if len(arn.encode()) > MAX_ARN_LENGTH:
            return self.front_response(HTTPStatus.REQUEST_URI_TOO_LONG)
        if len(request.body) > MAX_BODY_LENGTH:
            raise RefusedError("REQUEST_TOO_LARGE")
        route = self._route(request.path)
        operation = self._operations[route.resource].get(request.method) if route else None
        if route is None or operation is None:
            raise RefusedError("MISSING_AUTHENTICATION_TOKEN")
        integration = operation["x-amazon-apigateway-integration"]
        if integration["type"] == "mock":
            return _mock_answer(integration["responses"]["default"])
        return self._invoke(request, route, arn)

    def _route(self, path: str) -> Route | None:
        """The resource that `path` leads to: fixed segments win, a trailing slash is dropped."""
        segments = path.removesuffix("/").split("/")
        matches = [resource for resource in self._operations if _fits(resource.rstrip("/").split("/"), segments)]
        if not matches:
            return None
        resource = min(matches, key=lambda match: [_is_parameter(part) for part in match.split("/")])
        pairs = zip(resource.split("/"), segments, strict=False)
        return Route(resource, {part[1:-1]: unquote(text) for part, text in pairs if _is_parameter(part)})

    def _invoke(self, request: Request, route: Route, arn: str) -> Answer:
        lambda_context = LambdaContext("gatehouse-local", 1024, max_runtime_ms=_INTEGRATION_TIMEOUT)
        event = self._event(request, route)
        authorizer: object = self._app.routes[route.resource][request.method].authorizer
        if isinstance(authorizer, ChaliceAuthorizer):
            event["requestContext"]["authorizer"] = self._authorization.context(
                authorizer, event, arn, lambda_context
            )
        elif authorizer is not None:  # of another kind, that needs AWS
            raise RefusedError("AUTHORIZER_CONFIGURATION_ERROR")
        try:
            return _proxied(self._app(event, lambda_context))
        except Exception:  # noqa: BLE001 (whatever the app raises)
            _log.exception("The app failed at %s %s.", request.method, route.resource)
            raise RefusedError("DEFAULT_5XX") from None

    def _event(self, request: Request, route: Route) -> dict[str, Any]:
        """The event of a Lambda proxy integration ("Input format of a Lambda function for proxy integration")."""
        body, is_base64 = self._body(request)
        return {
            "resource": route.resource,
            "path": request.path,
            "httpMethod": request.method,
            "headers": {name: values[-1] for name, values in request.headers.items()},
            "multiValueHeaders": request.headers,
            "queryStringParameters": {name: values[-1] for name, values in request.query.items()} or None,
            "multiValueQueryStringParameters": request.query or None,
            "pathParameters": route.parameters or None,
            "stageVariables": None,
            "body": body,
            "isBase64Encoded": is_base64,
            "requestContext": {
                "accountId": self._arns.LOCAL_ACCOUNT_ID,
                "apiId": self._arns.LOCAL_API_ID,
                "stage": self._arns.LOCAL_STAGE,
                "requestId": request.request_id,
                "httpMethod": request.method,
                "resourcePath": route.resource,
                "path": request.path,
                "protocol": "HTTP/1.1",
                "identity": {
                    "sourceIp": request.source_ip,
                    "userAgent": request.headers.get("user-agent", [None])[-1],
                },
            },
        }

    def _body(self, request: Request) -> tuple[str | None, bool]:
        media_type = request.headers.get("content-type", [""])[-1].partition(";")[0].strip().lower()
        if media_type in self._binary_types:
            return base64.b64encode(request.body).decode(), True
        return request.body.decode(errors="replace") or None, False


def _thread_safe(app: Chalice) -> Chalice:
    """`app` itself, with a `current_request` for each thread: what Chalice's local server does to it."""
    if not isinstance(app, LocalChalice):
        app.__class__ = type("LocalApp", (LocalChalice, type(app)), {})
    return app


def _is_parameter(part: str) -> bool:
    return part.startswith("{")


def _fits(parts: list[str], segments: list[str]) -> bool:
    """Whether a path of `segments` is one of the resource of `parts`. A parameter is never empty."""
    return len(parts) == len(segments) and all(
        bool(segment) if _is_parameter(part) else part == segment
        for part, segment in zip(parts, segments, strict=True)
    )


def _static_header(name: str, value: str) -> tuple[str, str]:
    """A header mapping: `gatewayresponse.header.Name` or `method.response.header.Name`, with a quoted value."""
    return name.partition(".header.")[2], value.removeprefix("'").removesuffix("'")


def _mock_answer(response: Mapping[str, Any]) -> Answer:
    headers = [_static_header(name, value) for name, value in response["responseParameters"].items()]
    return Answer(int(response["statusCode"]), [*headers, ("Content-Type", "application/json")], b"")


def _proxied(response: Mapping[str, Any]) -> Answer:
    """The answer that the app's Lambda proxy response describes."""
    headers: Headers = [(name, str(value)) for name, value in response["headers"].items()]
    headers += [(name, str(value)) for name, values in response["multiValueHeaders"].items() for value in values]
    if not any(name.lower() == "content-type" for name, _ in headers):
        headers.append(("Content-Type", "application/json"))
    body = response["body"] or ""
    return Answer(
        response["statusCode"],
        headers,
        base64.b64decode(body) if response.get("isBase64Encoded") else body.encode(),
    )
