"""What a REQUEST event says that a TOKEN event does not: which route API Gateway has matched.

A REST API sends payload format 1.0, an HTTP API 2.0 (or 1.0, where its authorizer says so). Sources: API Gateway
Developer Guide, "Input to an API Gateway Lambda authorizer" and "Control access to HTTP APIs with AWS Lambda
authorizers".
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from chalicelib.errors import InvalidTokenError


class Asked(NamedTuple):
    """The Authorization header, the ARN of the method as it was called, and the path of the route that matched."""

    authorization: str
    method_arn: str
    resource: str | None


def read(event: Mapping[str, Any]) -> Asked:
    """What `event` asks.

    Raises `InvalidTokenError` unless there is one Authorization header, and `KeyError` for what is no such event.
    """
    if event.get("version") == "2.0":
        # "GET /orders/{id}"; of `$default`, which has no path, the path of the request is all there is.
        _, _, resource = event["routeKey"].partition(" ")
        return Asked(_authorization(event["headers"]), event["routeArn"], resource or None)
    headers = event.get("multiValueHeaders") or event["headers"]
    return Asked(_authorization(headers), event["methodArn"], event.get("resource"))


def _authorization(headers: Mapping[str, Any] | None) -> str:
    lines: list[str] = []
    for name, value in (headers or {}).items():
        if name.lower() == "authorization":
            lines += value if isinstance(value, list) else [value]
    if len(lines) != 1:  # of two, API Gateway's cache may know the other
        raise InvalidTokenError(detail="not one Authorization header")
    return lines[0]
