"""Access tokens: JWTs by RFC 9068, signed by the ring's active key (PyJWT)."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import jwt

from chalicelib import scope as scopes
from chalicelib.keys.material import SigningKey
from chalicelib.scope import Scope
from chalicelib.tokens import claims

# RFC 7519 §4.1, RFC 9068 §2.2, others of the IANA registry "JSON Web Token Claims", and session_epoch.
RESERVED_CLAIMS = frozenset(
    {"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "client_id", "scope", "auth_time", "acr", "amr"}
    | {"groups", "roles", "entitlements", "cnf", "act", "may_act", "azp", "nonce", "events"}
    | {"preferred_username", "sid", "session_epoch"}
)


@dataclass(frozen=True, slots=True)
class AccessToken:
    """What one access token is to say. `lifetime` is in seconds.

    `sid` names the session, `username` and `session_epoch` belong to a user; a client's own token has none.
    `claims` are the record's own, which never replace a registered one.
    """

    sub: str
    client_id: str
    scope: Scope
    jti: str
    lifetime: int
    sid: str | None = None
    username: str | None = None
    session_epoch: int | None = None
    claims: Mapping[str, object] = field(default_factory=dict)


def issue(token: AccessToken, issuer: str, audience: str, key: SigningKey, now: int) -> str:
    """The signed JWT of `token`, issued at `now`.

    Raises `UnfitTokenError`, which names the limit, rather than make what the gate refuses.
    """
    registered: dict[str, object] = {
        # RFC 9068 §2.2: iss, exp, aud, sub, client_id, iat and jti are required.
        "iss": issuer,
        "aud": audience,
        "sub": token.sub,
        "client_id": token.client_id,
        "iat": now,
        "exp": now + token.lifetime,
        "jti": token.jti,
        "scope": scopes.serialize(token.scope),
    }
    optional = {
        "sid": token.sid,
        "preferred_username": token.username,
        "session_epoch": token.session_epoch,
    }
    present = {name: value for name, value in optional.items() if value is not None}
    own = {name: value for name, value in token.claims.items() if name not in RESERVED_CLAIMS}
    # RFC 9068 §2.1: typ is at+jwt.
    header = {"typ": "at+jwt", "kid": key.kid}
    content = {**own, **registered, **present}
    claims.check(content, token.scope)
    signed = jwt.encode(content, key.private_key, algorithm=key.alg, headers=header)
    claims.check_length(signed)
    return signed
