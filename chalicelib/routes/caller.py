"""Who calls, as the gate told it, and the second look at the access table before any handler runs."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib import scope as scopes
from chalicelib.errors import InsufficientScopeError, InvalidTokenError, NotFoundError
from chalicelib.policy import AccessTable
from chalicelib.scope import Scope


@dataclass(frozen=True, slots=True)
class Caller:
    """The claims of the access token behind a request. `exp` is a NumericDate."""

    sub: str
    client_id: str
    scope: Scope
    jti: str
    exp: int
    kid: str
    session_id: str | None
    username: str | None
    session_epoch: int | None
    claims: Mapping[str, object]

    @classmethod
    def of(cls, request_context: Mapping[str, Any]) -> "Caller":
        """The caller in API Gateway's `requestContext`. Raises `InvalidTokenError` where no gate spoke."""
        told = request_context.get("authorizer")
        if not told:
            raise InvalidTokenError(detail="no authorizer context")
        epoch = told.get("session_epoch")
        return cls(
            sub=told["sub"],
            client_id=told["client_id"],
            scope=scopes.parse(told["scope"]),
            jti=told["jti"],
            exp=int(told["exp"]),
            kid=told["kid"],
            session_id=told.get("sid"),
            username=told.get("username"),
            session_epoch=None if epoch is None else int(epoch),
            claims=json.loads(told["claims"]),
        )


def admit(request_context: Mapping[str, Any], access_table: AccessTable, now: int) -> None:
    """Holds the route that was matched against the access table, whatever the gate's policy let through.

    The route is `resourcePath` and method, never the path, which gateway and policy may read differently.
    Raises `NotFoundError` for a route without an entry, `InvalidTokenError` once the token has expired (the
    gate's answer may be older), `InsufficientScopeError`.
    """
    entry = access_table.entry(request_context["httpMethod"], request_context["resourcePath"])
    if entry is None:
        raise NotFoundError
    caller = Caller.of(request_context)
    if now >= caller.exp:
        raise InvalidTokenError(detail="expired")
    if not entry.allows(caller.scope):
        raise InsufficientScopeError
