"""One compact JWS (RFC 7515), checked strictly over `cryptography`.

    size -> header -> key -> signature -> form of the payload

What the header gives away is refused before a key is looked up; nothing of the payload is even read before the
signature holds, so nobody without a key can make us read more than a header. RFC 8725 says what went wrong for
others. There is one way to be refused: `InvalidTokenError`, whose description is always the same and whose
`detail` names the rule, never a part of the token.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from chalicelib import base64url, strict_json
from chalicelib.errors import InvalidTokenError
from chalicelib.keys.jwk_set import VERIFICATION_ALGORITHMS, PublicKey

MAX_LENGTH = 8192  # characters
MAX_KID_LENGTH = 128  # characters
MAX_HEADER_LENGTH = 1024  # characters of the first segment
MAX_BRACKETS = 128  # opening ones in one segment's JSON, in strings too: bounds how deep it nests
MAX_COMMAS = 512  # likewise: bounds how many values there are, and so what reading them costs

# No extension (RFC 7515 §4.1.11, RFC 7797), no encryption or nesting (RFC 7516 §4.1, RFC 7519 §5.2),
# and no key that the token brings or points to (RFC 8725 §3.10).
_REFUSED_HEADERS = frozenset({"b64", "crit", "cty", "enc", "jku", "jwk", "x5c", "x5u", "zip"})

_ECDSA, _PKCS1V15, _SHA256 = ECDSA(SHA256()), PKCS1v15(), SHA256()
_HALF = 32  # octets of r and of s, and of each half of an Ed25519 signature


def verify(
    text: str, keys: Callable[[str], PublicKey | None], types: frozenset[str]
) -> tuple[str, dict[str, Any]]:
    """The `kid` of the key that `text` is signed with, and the members of its payload, or `InvalidTokenError`.

    `keys` finds the public key for a `kid`; what it raises, passes. `types` are the accepted values of `typ`, in
    lower case.
    """
    if len(text) > MAX_LENGTH or not text.isascii():
        raise refusal("longer than 8192 characters, or not ASCII")
    # Where there are more than three segments, the second has a dot in it, and is no base64url.
    signed, _, last = text.rpartition(".")
    header, _, payload = signed.partition(".")
    if not 0 < len(header) <= MAX_HEADER_LENGTH:
        raise refusal("the header is missing or too long")
    kid, alg = _kid_and_alg(header, types)
    key = keys(kid)
    if key is None:
        raise refusal("unknown kid")
    if key.alg != alg:  # RFC 8725 §3.1: the key decides, the header may only agree
        raise refusal("alg is not the key's")
    try:
        _CHECKS[alg](key.key, _octets(last), signed.encode("ascii"))
    except InvalidSignature:
        raise refusal("the signature does not hold") from None
    return kid, _json_object(payload)


def refusal(rule: str) -> InvalidTokenError:
    """The error of a token that breaks `rule`."""
    return InvalidTokenError(detail=rule)


@lru_cache(maxsize=16)  # a key's tokens share one header; it says nothing about who holds them
def _kid_and_alg(segment: str, types: frozenset[str]) -> tuple[str, str]:
    header = _json_object(segment)
    typ, kid, alg = header.get("typ"), header.get("kid"), header.get("alg")
    if not isinstance(typ, str) or typ.lower() not in types:  # RFC 8725 §3.11
        raise refusal("typ is missing or not the one wanted")
    if not _REFUSED_HEADERS.isdisjoint(header):
        raise refusal("a header parameter that is never accepted")
    if not isinstance(kid, str) or not 0 < len(kid) <= MAX_KID_LENGTH:
        raise refusal("kid is missing or no name of a key")
    if not isinstance(alg, str) or alg not in VERIFICATION_ALGORITHMS:
        raise refusal("alg is missing or none of ours")
    return kid, alg


def _octets(segment: str) -> bytes:
    try:
        return base64url.decode(segment)
    except ValueError:
        raise refusal("a segment is not canonical base64url") from None


def _json_object(segment: str) -> dict[str, Any]:
    try:
        text = _octets(segment).decode("utf-8")
        if text.count("{") + text.count("[") > MAX_BRACKETS or text.count(",") > MAX_COMMAS:
            raise ValueError("too many values")
        members = strict_json.loads(text)
    except ValueError:
        raise refusal("a segment is not strict JSON") from None
    # No white space around it either: there is one way to write down the start and the end of what is signed.
    if not isinstance(members, dict) or text[0] != "{" or text[-1] != "}":
        raise refusal("a segment is not one JSON object")
    return members


# --- Signatures


def _check_es256(key: EllipticCurvePublicKey, signature: bytes, signed: bytes) -> None:
    if len(signature) != 2 * _HALF:  # RFC 7518 §3.4
        raise refusal("the signature has the wrong length")
    key.verify(_der(signature), signed, _ECDSA)


def _check_rs256(key: RSAPublicKey, signature: bytes, signed: bytes) -> None:
    if len(signature) != (key.key_size + 7) // 8:  # RFC 8017 §8.2.2
        raise refusal("the signature has the wrong length")
    key.verify(signature, signed, _PKCS1V15, _SHA256)


def _check_ed25519(key: Ed25519PublicKey, signature: bytes, signed: bytes) -> None:
    if len(signature) != 2 * _HALF:  # RFC 8032 §5.1.7
        raise refusal("the signature has the wrong length")
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
