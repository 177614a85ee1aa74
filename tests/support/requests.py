"""A request as Chalice hands it to a handler."""

from collections.abc import Mapping

from chalice.app import Request

from infra.emulated.lambda_events import proxy_event


def request(
    headers: Mapping[str, str] | None = None,
    body: str | None = None,
    query: Mapping[str, list[str]] | None = None,
) -> Request:
    """A POST from 192.0.2.7. `query` has the values of each parameter."""
    event = proxy_event("POST", "/anything", headers, body)
    return Request(event | {"multiValueQueryStringParameters": dict(query or {}) or None})
