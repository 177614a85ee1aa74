"""Keys, claims and tokens for tests of the gate: one valid token, and the means to make it say anything."""

import json
from collections.abc import Iterator

import jwt.algorithms
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa, utils

from chalicelib import base64url
from chalicelib.keys.jwk_set import PublicKey
from chalicelib.tokens.access_token_verifier import AccessTokenClaims, verify

NOW = 1_800_000_000
ISSUER = "https://auth.example.com/v1"
AUDIENCE = "https://api.example.com"

Json = dict[str, object]
Named = Iterator[tuple[str, str]]

EC_KEY = ec.derive_private_key(0x1F2E3D4C5B6A798897A6B5C4D3E2F1, ec.SECP256R1())
OTHER_EC_KEY = ec.derive_private_key(0x2F2E3D4C5B6A798897A6B5C4D3E2F1, ec.SECP256R1())
ED_KEY = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
RSA_KEY = rsa.generate_private_key(65537, 2048)
KEYS = {
    "ec": PublicKey("ec", "ES256", EC_KEY.public_key()),
    "ed": PublicKey("ed", "EdDSA", ED_KEY.public_key()),
    "rsa": PublicKey("rsa", "RS256", RSA_KEY.public_key()),
}
HEADER: Json = {"typ": "at+jwt", "alg": "ES256", "kid": "ec"}
CLAIMS: Json = {
    "iss": ISSUER,
    "sub": "usr_7",
    "aud": AUDIENCE,
    "exp": NOW + 900,
    "iat": NOW,
    "jti": "tok_1",
    "client_id": "gatehouse",
    "scope": "comments:read comments:write",
    "sid": "ses_1",
    "preferred_username": "demo",
    "session_epoch": 0,
}


def es256(signed: bytes, key: ec.EllipticCurvePrivateKey = EC_KEY) -> bytes:
    """The signature as RFC 7518 §3.4 has it: r and s side by side."""
    r, s = utils.decode_dss_signature(key.sign(signed, ec.ECDSA(hashes.SHA256())))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def signed(header: str, payload: str, key: ec.EllipticCurvePrivateKey = EC_KEY) -> str:
    """Two segments as they are, and the signature over them."""
    return f"{header}.{payload}.{base64url.encode(es256(f'{header}.{payload}'.encode(), key))}"


def segment(content: Json | str | bytes) -> str:
    """JSON of a mapping, or a text or bytes as they are, as base64url."""
    if isinstance(content, dict):
        content = json.dumps(content)
    return base64url.encode(content.encode() if isinstance(content, str) else content)


def token(header: Json | str | bytes = HEADER, claims: Json | str | bytes = CLAIMS) -> str:
    """A token whose signature holds, whatever it says."""
    return signed(segment(header), segment(claims))


def accepted(token: str, now: int = NOW, leeway: int = 0) -> AccessTokenClaims:
    """What the gate reads in `token`; raises what `verify` raises."""
    return verify(token, KEYS.get, issuer=ISSUER, audience=AUDIENCE, now=now, leeway=leeway)


def without(members: Json, name: str) -> Json:
    return {key: value for key, value in members.items() if key != name}


def public_jwk(kid: str) -> Json:
    """The JWK of one of `KEYS`, as PyJWT writes it."""
    return {"kid": kid, "alg": KEYS[kid].alg, "use": "sig"} | bare_jwk(KEYS[kid])


def bare_jwk(key: PublicKey) -> Json:
    """Only what makes the key: `kty` and its numbers."""
    algorithm: jwt.algorithms.Algorithm = jwt.get_algorithm_by_name(key.alg)
    return without(json.loads(algorithm.to_jwk(key.key)), "key_ops")


def twice(members: Json, name: str, *, escaped: bool = False) -> str:
    """JSON with `name` there a second time, with the very same value."""
    again = f"\\u{ord(name[0]):04x}{name[1:]}" if escaped else name
    return f'{json.dumps(members)[:-1]}, "{again}": {json.dumps(members[name])}}}'


def wrong_types(right: str) -> Iterator[tuple[str, object]]:
    """Values of every JSON type but the one that is right, `text` or `integer`."""
    yield from (("null", None), ("true", True), ("false", False), ("a float", 1.5), ("huge", 10**30))
    yield from (("a list", ["a"]), ("an empty list", []), ("a mapping", {"a": 1}), ("an empty mapping", {}))
    if right == "text":
        yield "an integer", 7
    else:
        yield from (("text", "1800000900"), ("negative", -1))
