"""Who calls, as the gate told it, and the second look at the access table before any handler runs."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from chalice.app import Request

from chalicelib import scope as scopes
from chalicelib.errors import InsufficientScopeError, InvalidRequestError, InvalidTokenError, NotFoundError
from chalicelib.gate.policy import AccessTable
from chalicelib.model import Device
from chalicelib.scope import Scope
from chalicelib.tokens.revocations import Revocations

_MAX_USER_AGENT = 256


@dataclass(frozen=True, slots=True)
class Caller:
    """The claims of the access token behind a request. `exp` is a NumericDate."""

    sub: str
    client_id: str
    scope: Scope
    jti: str
    exp: int
    kid: str
    sid: str | None
    username: str | None
    session_epoch: int | None
    claims: Mapping[str, object]

    @classmethod
    def of(cls, request_context: Mapping[str, Any]) -> "Caller":
        """The caller in API Gateway's `requestContext`. Raises `InvalidTokenError` where no gate of ours spoke."""
        try:
            return cls._told(request_context["authorizer"])
        except (KeyError, TypeError, ValueError, InvalidRequestError):
            raise InvalidTokenError(detail="no authorizer context that can be read") from None

    @classmethod
    def _told(cls, told: Mapping[str, Any]) -> "Caller":
        epoch = told.get("session_epoch")
        return cls(
            sub=told["sub"],
            client_id=told["client_id"],
            scope=scopes.parse(told["scope"]),
            jti=told["jti"],
            exp=int(told["exp"]),
            kid=told["kid"],
            sid=told.get("sid"),
            username=told.get("username"),
            session_epoch=None if epoch is None else int(epoch),
            claims=json.loads(told["claims"]),
        )

    def user(self) -> str:
        """The username. Raises `InsufficientScopeError` for a token that belongs to no user."""
        if self.username is None:
            raise InsufficientScopeError
        return self.username


def device(request: Request) -> Device:
    """Where `request` came from: the address that API Gateway saw, and what the client calls itself."""
    user_agent = request.headers.get("user-agent", "")[:_MAX_USER_AGENT]
    return Device(request.context["identity"]["sourceIp"], user_agent)


def check_access(
    request_context: Mapping[str, Any], access_table: AccessTable, revocations: Callable[[], Revocations], now: int
) -> None:
    """Holds the matched route against the access table and the token against what has ended since.

    The gate has looked too, but its answer may be older, and paths can be read in two ways.

    The route is `resourcePath` and method, never the path. Raises `NotFoundError` for a route without an entry,
    `InvalidTokenError` once the token has expired or been ended, `InsufficientScopeError`.
    """
    entry = access_table.entry(request_context["httpMethod"], request_context["resourcePath"])
    if entry is None:
        raise NotFoundError
    caller = Caller.of(request_context)
    if now >= caller.exp:
        raise InvalidTokenError(detail="expired")
    if revocations().end(caller):
        raise InvalidTokenError(detail="revoked")
    if not entry.allows(caller.scope):
        raise InsufficientScopeError
