"""The authorizer context: what the gate writes about a token, and the API function reads.

API Gateway delivers strings alone (API Gateway Developer Guide, "Output from an API Gateway Lambda authorizer").
"""

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, TypedDict

from chalicelib import scope as scopes
from chalicelib.scope import Scope
from chalicelib.tokens.access_token_verifier import AccessTokenClaims

# Few scopes are ever granted.
_serialized = lru_cache(maxsize=256)(scopes.serialize)
_write = json.JSONEncoder(default=dict, separators=(",", ":")).encode


class Context(TypedDict):
    """What the context says. `exp` is a NumericDate; `claims` are the record's own."""

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


def write(claims: AccessTokenClaims) -> dict[str, str]:
    """The context for a token that says `claims`; what it does not say is left out."""
    written = {
        "sub": claims.sub,
        "client_id": claims.client_id,
        "scope": _serialized(claims.scope),
        "jti": claims.jti,
        "exp": str(claims.exp),
        "kid": claims.kid,
        "claims": _write(claims.custom) if claims.custom else "{}",
    }
    if claims.sid is not None:
        written["sid"] = claims.sid
    if claims.preferred_username is not None:
        written["username"] = claims.preferred_username
    if claims.session_epoch is not None:
        written["session_epoch"] = str(claims.session_epoch)
    return written


def read(context: Mapping[str, Any]) -> Context:
    """What `context` says. Raises `KeyError`, `TypeError`, `ValueError`, `InvalidRequestError` for another's."""
    epoch = context.get("session_epoch")
    return Context(
        sub=context["sub"],
        client_id=context["client_id"],
        scope=scopes.parse(context["scope"]),
        jti=context["jti"],
        exp=int(context["exp"]),
        kid=context["kid"],
        sid=context.get("sid"),
        username=context.get("username"),
        session_epoch=None if epoch is None else int(epoch),
        claims=json.loads(context["claims"]),
    )
