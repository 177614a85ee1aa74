"""Errors as answers: problem details (RFC 9457), with the challenge that the status asks for."""

import logging
from collections.abc import Mapping
from http import HTTPStatus

from chalice import Response

from chalicelib import errors

CONTENT_TYPE = "application/problem+json"

_log = logging.getLogger(__name__)

# RFC 6750 §3, RFC 7617 §2.1.
BEARER = 'Bearer realm="gatehouse"'
BASIC = 'Basic realm="gatehouse", charset="UTF-8"'

_STATUS: dict[type[errors.GatehouseError], HTTPStatus] = {
    errors.InvalidRequestError: HTTPStatus.BAD_REQUEST,
    errors.InvalidCredentialsError: HTTPStatus.UNAUTHORIZED,
    errors.InvalidGrantError: HTTPStatus.UNAUTHORIZED,
    errors.UnsupportedGrantTypeError: HTTPStatus.BAD_REQUEST,
    errors.UnauthorizedClientError: HTTPStatus.BAD_REQUEST,
    errors.InvalidTokenError: HTTPStatus.UNAUTHORIZED,
    errors.InsufficientScopeError: HTTPStatus.FORBIDDEN,
    errors.ForbiddenError: HTTPStatus.FORBIDDEN,
    errors.NotFoundError: HTTPStatus.NOT_FOUND,
    errors.ConflictError: HTTPStatus.CONFLICT,
    errors.ContentTooLargeError: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    errors.UnsupportedMediaTypeError: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    errors.TooManyRequestsError: HTTPStatus.TOO_MANY_REQUESTS,
    errors.StoreUnavailableError: HTTPStatus.SERVICE_UNAVAILABLE,
}

_CHALLENGE: dict[type[errors.GatehouseError], str] = {
    errors.InvalidCredentialsError: BASIC,
    errors.InvalidGrantError: f'{BEARER}, error="invalid_token"',
    errors.InvalidTokenError: f'{BEARER}, error="invalid_token"',
    errors.InsufficientScopeError: f'{BEARER}, error="insufficient_scope"',
}

# RFC 9110 §15.5.14 renamed it; Python does so from 3.13 on.
_TITLES = {HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "Content Too Large"}

_SENTENCES = {
    HTTPStatus.NOT_FOUND: errors.NotFoundError.description,
    HTTPStatus.METHOD_NOT_ALLOWED: "This route does not take this method.",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: errors.UnsupportedMediaTypeError.description,
}


def from_error(error: errors.GatehouseError) -> Response:
    """The answer for `error`, with nothing that helps an attacker; the reason goes to the log."""
    if error.detail:
        level = logging.WARNING if isinstance(error, errors.StoreUnavailableError) else logging.INFO
        _log.log(level, "%s: %s", type(error).__name__, error.detail)
    headers = {}
    for kind in type(error).__mro__:
        if kind in _CHALLENGE:
            headers["WWW-Authenticate"] = _CHALLENGE[kind]
    if isinstance(error, errors.StoreUnavailableError | errors.TooManyRequestsError):
        headers["Retry-After"] = str(error.retry_after)
    status = next(_STATUS[kind] for kind in type(error).__mro__ if kind in _STATUS)
    return problem(status, error.description, headers)


def from_status(code: int) -> Response:
    """The answer for a status that Chalice chose."""
    status = HTTPStatus(code)
    return problem(status, _SENTENCES.get(status, "Something went wrong on our side."), {})


def problem(status: HTTPStatus, detail: str, headers: Mapping[str, str]) -> Response:
    """A problem details object (RFC 9457 §3.1); `about:blank` means that the title is the status's (§4.2.1).

    Types of our own would have to be addresses that somebody keeps; the sentences tell the cases apart.
    """
    body = {
        "type": "about:blank",
        "title": _TITLES.get(status, status.phrase),
        "status": status.value,
        "detail": detail,
    }
    return Response(body, {"Content-Type": CONTENT_TYPE, "Cache-Control": "no-store", **headers}, status.value)
