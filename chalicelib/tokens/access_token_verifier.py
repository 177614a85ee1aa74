"""The claims of an access token (RFC 9068), checked strictly once its signature holds (`jws`).

RFC 7519 (JWT), RFC 8725 (what went wrong for others). Whatever is wrong raises `InvalidTokenError`, whose `detail`
names the rule, never a part of the token.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any, NamedTuple

from chalicelib import scope
from chalicelib.errors import InvalidRequestError
from chalicelib.keys.jwk_set import PublicKey
from chalicelib.tokens import jws
from chalicelib.tokens.jws import refusal

MAX_AHEAD = 60  # seconds that the issuer's clock may be ahead of ours, for `iat` and `nbf`
LAST_SECOND = 253_402_300_799  # 9999-12-31T23:59:59Z, the last moment that RFC 3339 can write

# RFC 9068 §4; media types are compared without case, `application/` may be left out (RFC 7515 §4.1.9).
_TYPES = frozenset({"at+jwt", "application/at+jwt"})


# A named tuple, where the rest of Gatehouse has frozen dataclasses: one is made for each new token.
class AccessTokenClaims(NamedTuple):
    """What a verified access token says (RFC 9068 §2.2). Times are NumericDates, whole seconds.

    `aud` is the audience that was asked for; the token may name others too. `custom` is every claim without
    a field here, frozen: objects are mappings, arrays are tuples, and `json.dumps(custom, default=dict)`
    writes it.
    """

    iss: str
    sub: str
    aud: str
    exp: int
    iat: int
    jti: str
    client_id: str
    scope: scope.Scope
    kid: str
    sid: str | None
    preferred_username: str | None
    session_epoch: int | None
    custom: Mapping[str, object]


def verify(
    token: str,
    keys: Callable[[str], PublicKey | None],
    *,
    issuer: str,
    audience: str,
    now: int,
    leeway: int = 0,
) -> AccessTokenClaims:
    """The claims of `token`, a compact JWS, or `InvalidTokenError`.

    `keys` finds the public key for a `kid`; what it raises, passes. `now` is a NumericDate. `leeway` is how
    many seconds past `exp` a token still holds.
    """
    kid, payload = jws.verify(token, keys, _TYPES)
    return _checked(payload, kid, issuer=issuer, audience=audience, now=now, leeway=leeway)


def _checked(
    claims: dict[str, Any], kid: str, *, issuer: str, audience: str, now: int, leeway: int
) -> AccessTokenClaims:
    """The claims of a token whose signature holds, by RFC 9068 §4 and RFC 7519 §4.1. Empties `claims`."""
    take = claims.pop
    if take("iss", None) != issuer:
        raise refusal("iss is not the issuer")
    if not _names(take("aud", None), audience):
        raise refusal("aud does not name the audience")
    exp, iat = _moment(take("exp", None)), _moment(take("iat", None))
    if now >= exp + leeway:
        raise refusal("expired")
    if max(iat, _moment(take("nbf", 0))) > now + MAX_AHEAD:
        raise refusal("iat or nbf is in the future")
    return AccessTokenClaims(
        iss=issuer,
        sub=_text(take("sub", None)),
        aud=audience,
        exp=exp,
        iat=iat,
        jti=_text(take("jti", None)),
        client_id=_text(take("client_id", None)),
        scope=_scope(take("scope", None)),
        kid=kid,
        sid=_text(take("sid")) if "sid" in claims else None,
        preferred_username=_text(take("preferred_username")) if "preferred_username" in claims else None,
        session_epoch=_whole_number(take("session_epoch")) if "session_epoch" in claims else None,
        custom=_frozen(claims) if claims else _NOTHING,
    )


_NOTHING: Mapping[str, object] = MappingProxyType({})


def _names(aud: object, audience: str) -> bool:
    """RFC 7519 §4.1.3: one string, or an array of strings."""
    if isinstance(aud, list):
        return audience in aud and all(isinstance(name, str) for name in aud)
    return aud == audience


def _moment(value: object) -> int:
    # Not isinstance: to Python, `true` is an int.
    if type(value) is not int or not 0 <= value <= LAST_SECOND:
        raise refusal("exp, iat or nbf is no NumericDate in whole seconds")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise refusal("sub, jti, client_id, sid or preferred_username is missing or no string")
    return value


def _whole_number(value: object) -> int:
    if type(value) is not int or value < 0:
        raise refusal("session_epoch is no whole number")
    return value


# Few scopes are ever signed.
_parsed_scope = lru_cache(maxsize=256)(scope.parse)


def _scope(value: object) -> scope.Scope:
    if not isinstance(value, str):
        raise refusal("scope is missing or not a string")
    try:
        return _parsed_scope(value)
    except InvalidRequestError:
        raise refusal("scope is malformed") from None


def _frozen(members: dict[str, Any]) -> Mapping[str, object]:
    """`members` as nobody can change them, since a claims object may be kept and shared."""
    return MappingProxyType({name: _frozen_value(value) for name, value in members.items()})


def _frozen_value(value: object) -> object:
    if isinstance(value, dict):
        return _frozen(value)
    if isinstance(value, list):
        return tuple(_frozen_value(member) for member in value)
    return value
