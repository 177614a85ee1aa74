"""Access tokens as the service issues them to a signed-in user, for those who verify.

All verifiers get the same tokens, by turns and in API Gateway's own event, so that none is new to one and old to
another, and each text comes from memory as it does in a container that serves many.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import cycle
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from chalicelib import base64url, issuer
from chalicelib.authorizer import PROTECTED
from chalicelib.gate.decision import Gate
from chalicelib.gate.verified_tokens import MOST
from chalicelib.ids import new_id
from chalicelib.keys.jwk_set import PublicKey, parse_jwk_set
from chalicelib.keys.material import SigningKey
from chalicelib.model import FIRST_PARTY
from chalicelib.scope import parse
from chalicelib.settings import Settings
from chalicelib.tokens import access_token
from chalicelib.tokens.access_token import AccessToken

METHOD_ARN = "arn:aws:execute-api:eu-central-1:123456789012:a1b2c3d4e5/api/GET/comments"
SETTINGS = Settings()
ISSUER = issuer.issuer_of(SETTINGS, "a1b2c3d4e5", "eu-central-1", "api")
AUDIENCE = issuer.audience_of(SETTINGS, ISSUER)
SCOPE = parse("account comments:read comments:write")
LIFETIME = 3600  # seconds: a bench must outlive no token

# More than the gate remembers, so that a token is forgotten before its turn comes again.
MANY = MOST + 200

Event = Mapping[str, str]
Authorizer = Callable[[Event], object]


@dataclass(frozen=True, slots=True)
class Issued:
    """Tokens of one key: `jwk_set` is the document that verifies them, `issuer` who issued them, `audience` for
    whom."""

    alg: str
    issuer: str
    audience: str
    jwk_set: dict[str, Any]
    tokens: tuple[str, ...]

    def events(self) -> Iterator[Event]:
        """API Gateway's events for the tokens, by turns and without end."""
        return cycle([event(token) for token in self.tokens])

    def public_key(self) -> PublicKey:
        """The key that verifies the tokens."""
        (key,) = parse_jwk_set(json.dumps(self.jwk_set).encode()).values()
        return key

    def gate(self, clock: Callable[[], float]) -> Gate:
        """The gate of this service's own API, with the keys at hand after the first token."""
        document = json.dumps(self.jwk_set).encode()
        return Gate(SETTINGS, PROTECTED, lambda _: document, clock)


def issue(
    key: SigningKey, public_jwk: Mapping[str, str], count: int, now: int, random_bytes: Callable[[int], bytes]
) -> Issued:
    """`count` tokens of as many users, signed by `key` at the NumericDate `now`."""
    tokens = (access_token.issue(_content(random_bytes), ISSUER, AUDIENCE, key, now) for _ in range(count))
    return Issued(key.alg, ISSUER, AUDIENCE, {"keys": [dict(public_jwk)]}, tuple(tokens))


def _content(random_bytes: Callable[[int], bytes]) -> AccessToken:
    return AccessToken(
        sub=new_id(random_bytes),
        client_id=FIRST_PARTY,
        scope=SCOPE,
        jti=new_id(random_bytes),
        lifetime=LIFETIME,
        sid=new_id(random_bytes),
        username="demo",
        session_epoch=0,
    )


def event(token: str) -> Event:
    """What API Gateway sends to a TOKEN authorizer."""
    return {"type": "TOKEN", "authorizationToken": f"Bearer {token}", "methodArn": METHOD_ARN}


def decision(gate: Gate) -> Authorizer:
    """What the gate does with an event."""

    def decide(asked: Event) -> object:
        return gate.decide(asked["authorizationToken"], asked["methodArn"])

    return decide


def by_turns(call: Callable[[Any], object], arguments: Iterable[object]) -> Callable[[], object]:
    """`call` with one of the endless `arguments` after the other."""
    supply = iter(arguments)
    return lambda: call(next(supply))


def raw(issued: Issued) -> Callable[[], object]:
    """What nobody who verifies can do without: one verification of the signature, on the same bytes."""
    key = issued.public_key()
    verify = _RAW[issued.alg](key.key)
    signed = []
    for token in issued.tokens:
        start, _, last = token.rpartition(".")
        signature = base64url.decode(last)
        signed.append((_der(signature) if issued.alg == "ES256" else signature, start.encode()))
    return by_turns(lambda pair: verify(*pair), cycle(signed))


def _der(signature: bytes) -> bytes:
    r, s = signature[:32], signature[32:]
    return encode_dss_signature(int.from_bytes(r, "big"), int.from_bytes(s, "big"))


_ECDSA, _PKCS1V15, _SHA256 = ECDSA(SHA256()), PKCS1v15(), SHA256()
_RAW: Mapping[str, Callable[[Any], Callable[[bytes, bytes], None]]] = {
    "ES256": lambda key: lambda signature, signed: key.verify(signature, signed, _ECDSA),
    "RS256": lambda key: lambda signature, signed: key.verify(signature, signed, _PKCS1V15, _SHA256),
    "EdDSA": lambda key: key.verify,
}
