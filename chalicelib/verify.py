"""One compact JWS and its claims, checked strictly over `cryptography`: all that the gate needs.

    size -> three segments -> header -> form of the claims -> key -> signature -> meaning of the claims

Whatever can be refused without a key is refused before a key is looked up, and so before any signature is
computed; no claim is acted on before the signature holds. RFC 7515 (JWS), 7519 (JWT), 9068 (access
tokens) and 8725 (what went wrong for others). There is one way to be refused: `InvalidTokenError`, whose
description is always the same and whose `detail` names the rule, never a part of the token.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any, NoReturn

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from chalicelib import base64url, scope
from chalicelib.errors import InvalidRequestError, InvalidTokenError
from chalicelib.jwks import ALGORITHMS, PublicKey

MAX_TOKEN_LENGTH = 8192  # characters
MAX_KID_LENGTH = 128  # characters
MAX_INTEGER_LENGTH = 20  # characters: every 64-bit integer, with its sign
MAX_HEADER_LENGTH = 1024  # characters of the first segment
MAX_BRACKETS = 128  # opening ones in one segment's JSON, in strings too: bounds how deep it nests
MAX_COMMAS = 512  # likewise: bounds how many values there are, and so what reading them costs
CLOCK_SKEW = 60  # seconds that the issuer's clock may be ahead of ours, for `iat` and `nbf`
LAST_SECOND = 253_402_300_799  # 9999-12-31T23:59:59Z, the last moment that RFC 3339 can write

# RFC 9068 §4; media types are compared without case, `application/` may be left out (RFC 7515 §4.1.9).
_TYPES = frozenset({"at+jwt", "application/at+jwt"})

# No extension (RFC 7515 §4.1.11, RFC 7797), no encryption or nesting (RFC 7516 §4.1, RFC 7519 §5.2),
# and no key that the token brings or points to (RFC 8725 §3.10).
_REFUSED_HEADERS = frozenset({"b64", "crit", "cty", "enc", "jku", "jwk", "x5c", "x5u", "zip"})

_REGISTERED_CLAIMS = frozenset(
    (
        *("iss", "sub", "aud", "exp", "nbf", "iat", "jti", "client_id", "scope"),
        *("sid", "preferred_username", "session_epoch"),
    )
)

_ES256 = ECDSA(SHA256())
_RS256 = (PKCS1v15(), SHA256())
_HALF = 32  # octets of r and of s, and of each half of an Ed25519 signature


@dataclass(frozen=True, slots=True)
class AccessTokenClaims:
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
    if len(token) > MAX_TOKEN_LENGTH:
        raise _refused("longer than 8192 characters")
    if token.count(".") != 2:
        raise _refused("not three segments")
    header, payload, last = token.split(".")
    kid, alg = _kid_and_alg(header)
    claims = _json_object(payload)
    signature = _octets(last)
    key = keys(kid)
    if key is None:
        raise _refused("unknown kid")
    if key.alg != alg:  # RFC 8725 §3.1: the key decides, the header may only agree
        raise _refused("alg is not the key's")
    _check_signature(key, signature, token[: token.rindex(".")].encode("ascii"))
    return _checked(claims, kid, issuer=issuer, audience=audience, now=now, leeway=leeway)


def _refused(rule: str) -> InvalidTokenError:
    return InvalidTokenError(detail=rule)


def _octets(segment: str) -> bytes:
    try:
        return base64url.decode(segment)
    except ValueError:
        raise _refused("a segment is not canonical base64url") from None


# --- JSON (RFC 8259), with nothing in it that two readers might read differently (RFC 8725 §3.9)


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):  # RFC 7515 §4, RFC 7519 §4
        raise ValueError("a member is there twice")
    return members


def _integer(digits: str) -> int:
    if len(digits) > MAX_INTEGER_LENGTH:
        raise ValueError("an integer is too long")
    return int(digits)


def _finite(digits: str) -> float:
    number = float(digits)
    if number in (float("inf"), float("-inf")):
        raise ValueError("a number is out of range")
    return number


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_unique, parse_int=_integer, parse_float=_finite, parse_constant=_no_constant
)


def _json_object(segment: str) -> dict[str, Any]:
    try:
        text = _octets(segment).decode("utf-8")
        if text.count("{") + text.count("[") > MAX_BRACKETS or text.count(",") > MAX_COMMAS:
            raise ValueError("too many values")
        members, end = _DECODER.raw_decode(text)
        if "\\ud" in text or "\\uD" in text:  # the only way for half of a surrogate pair to get in
            json.dumps(members, ensure_ascii=False).encode("utf-8")
    except ValueError:
        raise _refused("a segment is not strict JSON") from None
    if end != len(text) or not isinstance(members, dict):
        raise _refused("a segment is not one JSON object")
    return members


# --- Header and signature


@lru_cache(maxsize=16)  # a key's tokens share one header; it says nothing about who holds them
def _kid_and_alg(segment: str) -> tuple[str, str]:
    if len(segment) > MAX_HEADER_LENGTH:
        raise _refused("the header is too long")
    header = _json_object(segment)
    typ, kid, alg = header.get("typ"), header.get("kid"), header.get("alg")
    if not isinstance(typ, str) or typ.lower() not in _TYPES:
        raise _refused("typ is not at+jwt")
    if not _REFUSED_HEADERS.isdisjoint(header):
        raise _refused("a header parameter that is never accepted")
    if not isinstance(kid, str) or not 0 < len(kid) <= MAX_KID_LENGTH:
        raise _refused("kid is missing or no name of a key")
    if not isinstance(alg, str) or alg not in ALGORITHMS:
        raise _refused("alg is missing or none of ours")
    return kid, alg


def _check_signature(key: PublicKey, signature: bytes, signed: bytes) -> None:
    public = key.key
    try:
        if isinstance(public, EllipticCurvePublicKey):
            _check_length(signature, 2 * _HALF)  # RFC 7518 §3.4
            public.verify(_der(signature), signed, _ES256)
        elif isinstance(public, RSAPublicKey):
            _check_length(signature, (public.key_size + 7) // 8)  # RFC 8017 §8.2.2
            public.verify(signature, signed, *_RS256)
        else:
            _check_length(signature, 2 * _HALF)  # RFC 8032 §5.1.7
            public.verify(signature, signed)
    except InvalidSignature:
        raise _refused("the signature does not hold") from None


def _check_length(signature: bytes, octets: int) -> None:
    if len(signature) != octets:
        raise _refused("the signature has the wrong length")


def _der(signature: bytes) -> bytes:
    """r and s side by side (RFC 7518 §3.4) as the DER that `cryptography` takes."""
    r, s = signature[:_HALF], signature[_HALF:]
    return encode_dss_signature(int.from_bytes(r, "big"), int.from_bytes(s, "big"))


# --- Claims


def _checked(
    claims: dict[str, Any], kid: str, *, issuer: str, audience: str, now: int, leeway: int
) -> AccessTokenClaims:
    """The claims of a token whose signature holds, by RFC 9068 §4 and RFC 7519 §4.1."""
    if claims.get("iss") != issuer:
        raise _refused("iss is not the issuer")
    if not _names(claims.get("aud"), audience):
        raise _refused("aud does not name the audience")
    _check_times(claims, now, leeway)
    _check_types(claims)
    custom = {name: _frozen(claims[name]) for name in claims.keys() - _REGISTERED_CLAIMS}
    return AccessTokenClaims(
        iss=issuer,
        sub=claims["sub"],
        aud=audience,
        exp=claims["exp"],
        iat=claims["iat"],
        jti=claims["jti"],
        client_id=claims["client_id"],
        scope=_scope(claims.get("scope")),
        kid=kid,
        sid=claims.get("sid"),
        preferred_username=claims.get("preferred_username"),
        session_epoch=claims.get("session_epoch"),
        custom=MappingProxyType(custom),
    )


def _names(aud: object, audience: str) -> bool:
    """RFC 7519 §4.1.3: one string, or an array of strings."""
    if isinstance(aud, list):
        return audience in aud and all(isinstance(name, str) for name in aud)
    return aud == audience


def _check_times(claims: dict[str, Any], now: int, leeway: int) -> None:
    if not all(map(_is_moment, (claims.get("exp"), claims.get("iat"), claims.get("nbf", 0)))):
        raise _refused("exp, iat or nbf is no NumericDate in whole seconds")
    if now >= claims["exp"] + leeway:
        raise _refused("expired")
    if max(claims["iat"], claims.get("nbf", 0)) > now + CLOCK_SKEW:
        raise _refused("iat or nbf is in the future")


def _is_moment(value: object) -> bool:
    return type(value) is int and 0 <= value <= LAST_SECOND  # not isinstance: to Python, `true` is an int


def _check_types(claims: dict[str, Any]) -> None:
    for name in ("sub", "jti", "client_id"):
        if not isinstance(claims.get(name), str) or not claims[name]:
            raise _refused("sub, jti or client_id is missing or no string")
    for name in ("sid", "preferred_username"):
        if name in claims and (not isinstance(claims[name], str) or not claims[name]):
            raise _refused("sid or preferred_username is no string")
    epoch = claims.get("session_epoch", 0)
    if type(epoch) is not int or epoch < 0:
        raise _refused("session_epoch is no whole number")


def _scope(value: object) -> scope.Scope:
    if not isinstance(value, str):
        raise _refused("scope is missing or not a string")
    try:
        return scope.parse(value)
    except InvalidRequestError:
        raise _refused("scope is malformed") from None


def _frozen(value: object) -> object:
    """`value` as nobody can change it, since a claims object may be kept and shared."""
    if isinstance(value, dict):
        return MappingProxyType({name: _frozen(member) for name, member in value.items()})
    if isinstance(value, list):
        return tuple(_frozen(member) for member in value)
    return value
