"""One compact JWS and its claims, checked strictly over `cryptography`: all that the gate needs.

    size -> header -> key -> signature -> form of the claims -> meaning of the claims

What the header gives away is refused before a key is looked up; nothing of the claims is even read before the
signature holds, so nobody without a key can make us read more than a header. RFC 7515 (JWS), 7519 (JWT), 9068
(access tokens) and 8725 (what went wrong for others). There is one way to be refused: `InvalidTokenError`,
whose description is always the same and whose `detail` names the rule, never a part of the token.
"""

import json
from collections.abc import Callable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any, NamedTuple, NoReturn

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from chalicelib import base64url, scope
from chalicelib.errors import InvalidRequestError, InvalidTokenError
from chalicelib.keys.jwk_set import ALGORITHMS, PublicKey
from chalicelib.tokens.claims import (
    LAST_SECOND,
    MAX_BRACKETS,
    MAX_COMMAS,
    MAX_HEADER_LENGTH,
    MAX_INTEGER_LENGTH,
    MAX_KID_LENGTH,
    MAX_TOKEN_LENGTH,
)

CLOCK_SKEW = 60  # seconds that the issuer's clock may be ahead of ours, for `iat` and `nbf`

# RFC 9068 §4; media types are compared without case, `application/` may be left out (RFC 7515 §4.1.9).
_TYPES = frozenset({"at+jwt", "application/at+jwt"})

# No extension (RFC 7515 §4.1.11, RFC 7797), no encryption or nesting (RFC 7516 §4.1, RFC 7519 §5.2),
# and no key that the token brings or points to (RFC 8725 §3.10).
_REFUSED_HEADERS = frozenset({"b64", "crit", "cty", "enc", "jku", "jwk", "x5c", "x5u", "zip"})

_ECDSA, _PKCS1V15, _SHA256 = ECDSA(SHA256()), PKCS1v15(), SHA256()
_HALF = 32  # octets of r and of s, and of each half of an Ed25519 signature


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
    if len(token) > MAX_TOKEN_LENGTH or not token.isascii():
        raise _refused("longer than 8192 characters, or not ASCII")
    # Where there are more than three segments, the second has a dot in it, and is no base64url.
    signed, _, last = token.rpartition(".")
    header, _, payload = signed.partition(".")
    if not 0 < len(header) <= MAX_HEADER_LENGTH:
        raise _refused("the header is missing or too long")
    kid, alg = _kid_and_alg(header)
    key = keys(kid)
    if key is None:
        raise _refused("unknown kid")
    if key.alg != alg:  # RFC 8725 §3.1: the key decides, the header may only agree
        raise _refused("alg is not the key's")
    try:
        _CHECKS[alg](key.key, _octets(last), signed.encode("ascii"))
    except InvalidSignature:
        raise _refused("the signature does not hold") from None
    return _checked(_json_object(payload), kid, issuer=issuer, audience=audience, now=now, leeway=leeway)


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


def _check_es256(key: EllipticCurvePublicKey, signature: bytes, signed: bytes) -> None:
    if len(signature) != 2 * _HALF:  # RFC 7518 §3.4
        raise _refused("the signature has the wrong length")
    key.verify(_der(signature), signed, _ECDSA)


def _check_rs256(key: RSAPublicKey, signature: bytes, signed: bytes) -> None:
    if len(signature) != (key.key_size + 7) // 8:  # RFC 8017 §8.2.2
        raise _refused("the signature has the wrong length")
    key.verify(signature, signed, _PKCS1V15, _SHA256)


def _check_ed25519(key: Ed25519PublicKey, signature: bytes, signed: bytes) -> None:
    if len(signature) != 2 * _HALF:  # RFC 8032 §5.1.7
        raise _refused("the signature has the wrong length")
    key.verify(signature, signed)


# By the key's own algorithm, which `parse_jwk_set` has matched with its kind.
_CHECKS: Mapping[str, Callable[[Any, bytes, bytes], None]] = {
    "ES256": _check_es256,
    "RS256": _check_rs256,
    "EdDSA": _check_ed25519,
    "Ed25519": _check_ed25519,
}


def _der(signature: bytes) -> bytes:
    """r and s side by side (RFC 7518 §3.4) as the DER that `cryptography` takes."""
    r, s = signature[:_HALF], signature[_HALF:]
    return encode_dss_signature(int.from_bytes(r, "big"), int.from_bytes(s, "big"))


# --- Claims


def _checked(
    claims: dict[str, Any], kid: str, *, issuer: str, audience: str, now: int, leeway: int
) -> AccessTokenClaims:
    """The claims of a token whose signature holds, by RFC 9068 §4 and RFC 7519 §4.1. Empties `claims`."""
    take = claims.pop
    if take("iss", None) != issuer:
        raise _refused("iss is not the issuer")
    if not _names(take("aud", None), audience):
        raise _refused("aud does not name the audience")
    exp, iat = _moment(take("exp", None)), _moment(take("iat", None))
    if now >= exp + leeway:
        raise _refused("expired")
    if max(iat, _moment(take("nbf", 0))) > now + CLOCK_SKEW:
        raise _refused("iat or nbf is in the future")
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
        raise _refused("exp, iat or nbf is no NumericDate in whole seconds")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise _refused("sub, jti, client_id, sid or preferred_username is missing or no string")
    return value


def _whole_number(value: object) -> int:
    if type(value) is not int or value < 0:
        raise _refused("session_epoch is no whole number")
    return value


# Few scopes are ever signed.
_parsed_scope = lru_cache(maxsize=256)(scope.parse)


def _scope(value: object) -> scope.Scope:
    if not isinstance(value, str):
        raise _refused("scope is missing or not a string")
    try:
        return _parsed_scope(value)
    except InvalidRequestError:
        raise _refused("scope is malformed") from None


def _frozen(members: dict[str, Any]) -> Mapping[str, object]:
    """`members` as nobody can change them, since a claims object may be kept and shared."""
    return MappingProxyType({name: _frozen_value(value) for name, value in members.items()})


def _frozen_value(value: object) -> object:
    if isinstance(value, dict):
        return _frozen(value)
    if isinstance(value, list):
        return tuple(_frozen_value(member) for member in value)
    return value
