"""Who calls, as the gate wrote it, and the second look at the access table before any handler runs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib.access_table import Access
from chalicelib.accounts.sessions import Kept
from chalicelib.errors import InsufficientScopeError, InvalidRequestError, InvalidTokenError
from chalicelib.gate import context
from chalicelib.model import Principal, PrincipalKind
from chalicelib.scope import Scope
from chalicelib.tokens.revocations import Revocations


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
            return cls(**context.read(request_context["authorizer"]))
        except (KeyError, TypeError, ValueError, InvalidRequestError):
            raise InvalidTokenError(detail="no authorizer context that can be read") from None

    @property
    def kept(self) -> Kept | None:
        """The caller's own session, for those who spare it; `None` for a token without a session."""
        return Kept(self.sid, self.session_epoch) if self.sid else None

    @property
    def principal(self) -> Principal:
        """Who acts: the user, or the client by itself."""
        kind = PrincipalKind.CLIENT if self.username is None else PrincipalKind.USER
        return Principal(kind, self.sub)

    def user(self) -> str:
        """The user's `sub`. Raises `InsufficientScopeError` for a token that belongs to no user."""
        if self.principal.kind is not PrincipalKind.USER:
            raise InsufficientScopeError
        return self.sub


def check_access(caller: Caller, entry: Access, revocations: Revocations, now: int) -> None:
    """Holds a guarded route's entry against the caller, and the token against what has ended since.

    The gate has looked too, but its answer may be older, and paths can be read in two ways. Raises
    `InvalidTokenError` once the token has expired or been ended, `InsufficientScopeError`.
    """
    if now >= caller.exp:
        raise InvalidTokenError(detail="expired")
    if revocations.revokes(caller):
        raise InvalidTokenError(detail="revoked")
    if not entry.allows(caller.scope):
        raise InsufficientScopeError
