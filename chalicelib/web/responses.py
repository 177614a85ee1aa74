"""Answers that are not errors."""

from collections.abc import Mapping
from http import HTTPStatus

from chalice import Response

# RFC 6749 §5.1: what holds a token, or is for one person, must not be stored.
NO_STORE = {"Cache-Control": "no-store"}

Headers = Mapping[str, str | list[str]]


def ok(body: Mapping[str, object], headers: Headers = NO_STORE) -> Response:
    """200 with a JSON object."""
    typed: dict[str, str | list[str]] = {"Content-Type": "application/json"}
    return Response(body, {**typed, **headers}, HTTPStatus.OK)


def created(body: Mapping[str, object], location: str) -> Response:
    """201 with a JSON object and the address of what was made (RFC 9110 §15.3.2)."""
    answer = ok(body, {"Location": location, **NO_STORE})
    answer.status_code = HTTPStatus.CREATED
    return answer


def no_content(headers: Headers = NO_STORE) -> Response:
    """204."""
    return Response("", dict(headers), HTTPStatus.NO_CONTENT)
