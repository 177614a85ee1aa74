"""An authorizer after AWS's blueprint, with joserfc."""

import warnings

import joserfc.jwt
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import KeySet
from joserfc.jwt import JWTClaimsRegistry

from bench.issued import Authorizer, Event, Issued
from bench.peers.routes import policy


def authorizer(issued: Issued) -> Authorizer:
    """The Lambda function."""
    keys = KeySet.import_key_set({"keys": issued.jwk_set["keys"]})
    warnings.filterwarnings("ignore", "EdDSA is deprecated", SecurityWarning)  # it is still the usual name
    registry = JWTClaimsRegistry(
        iss={"essential": True, "value": issued.issuer},
        aud={"essential": True, "value": issued.audience},
        exp={"essential": True},
        sub={"essential": True},
    )

    def decide(event: Event) -> object:
        scheme, _, token = event["authorizationToken"].partition(" ")
        if scheme.lower() != "bearer":
            raise Exception("Unauthorized")
        try:
            told = joserfc.jwt.decode(token, keys, algorithms=[issued.alg]).claims
            registry.validate(told)
        except JoseError:
            raise Exception("Unauthorized") from None
        return {
            "principalId": told["sub"],
            "policyDocument": policy(event["methodArn"], told["scope"]),
            "context": {"sub": told["sub"], "client_id": told["client_id"], "scope": told["scope"]},
        }

    return decide
