"""An authorizer after AWS's blueprint (api-gateway-authorizer-python), with PyJWT and its PyJWKClient."""

from typing import Any

import jwt

from bench.issued import Authorizer, Event, Issued
from bench.peers.routes import policy

REQUIRED = ["iss", "sub", "aud", "exp", "iat", "jti", "client_id"]


class Published(jwt.PyJWKClient):
    """The client with both of its caches, and the JWK Set without a network."""

    def __init__(self, jwk_set: dict[str, Any]) -> None:
        super().__init__("https://auth.example.com/.well-known/jwks.json", cache_keys=True)
        self._jwk_set = jwk_set

    def fetch_data(self) -> dict[str, Any]:
        """The document."""
        return self._jwk_set


def authorizer(issued: Issued) -> Authorizer:
    """The Lambda function."""
    verified = claims(issued)

    def decide(event: Event) -> object:
        scheme, _, token = event["authorizationToken"].partition(" ")
        if scheme.lower() != "bearer":
            raise Exception("Unauthorized")
        try:
            told = verified(token)
        except jwt.PyJWTError:
            raise Exception("Unauthorized") from None
        return {
            "principalId": told["sub"],
            "policyDocument": policy(event["methodArn"], told["scope"]),
            "context": {"sub": told["sub"], "client_id": told["client_id"], "scope": told["scope"]},
        }

    return decide


def claims(issued: Issued) -> Any:
    """What gives a token's claims, as PyJWT's documentation says to do it; raises `jwt.PyJWTError`."""
    client = Published(issued.jwk_set)

    def verified(token: str) -> dict[str, Any]:
        key = client.get_signing_key_from_jwt(token)
        return jwt.decode(
            token,
            key,
            algorithms=[issued.alg],
            issuer=issued.issuer,
            audience=issued.audience,
            options={"require": REQUIRED},
        )

    return verified
