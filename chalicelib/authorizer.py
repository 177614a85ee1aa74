"""The gate: bearer token in, IAM policy out. A Lambda function of its own, without app.py and boto3."""

import json
import os
import re
import time
from collections.abc import Callable
from typing import Any

from chalice import Blueprint
from chalice.app import AuthRequest

from chalicelib import issuer, settings
from chalicelib.access_table import ACCESS_TABLE
from chalicelib.errors import InvalidTokenError
from chalicelib.jwks import RemoteJwkSet, fetch_jwk_set
from chalicelib.policy import AccessTable, MethodArn
from chalicelib.scope import serialize
from chalicelib.verify import AccessTokenClaims, verify

# How long API Gateway may use one answer again. The API checks `exp` and the revocations itself.
CACHE_SECONDS = 300

# RFC 6750 §2.1; RFC 9110 §11.1: the scheme is case-insensitive.
_BEARER = re.compile(r"[Bb][Ee][Aa][Rr][Ee][Rr] +([A-Za-z0-9\-._~+/]+=*)")

gatehouse = Blueprint(__name__)


class Gate:
    """Decides what a token may reach. `fetch` gets a JWK Set by its address, `clock` tells the NumericDate."""

    def __init__(
        self,
        settings: settings.Settings,
        access_table: AccessTable,
        fetch: Callable[[str], bytes],
        clock: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._access_table = access_table
        self._fetch = fetch
        self._clock = clock
        self._jwk_sets: dict[str, RemoteJwkSet] = {}

    def decide(self, authorization: str, method_arn: str) -> dict[str, Any]:
        """The answer that API Gateway expects: `principalId`, `policyDocument`, `context`.

        The policy covers the whole API, for API Gateway keeps it for the token and asks again for other routes.
        Raises `InvalidTokenError`; `KeysUnavailableError` while the JWK Set was never to be had.
        """
        arn = _arn(method_arn)
        claims = self._verified(authorization, arn)
        return {
            "principalId": claims.sub,
            "policyDocument": self._access_table.policy(arn.prefix, claims.scope),
            "context": _context(claims),
        }

    def _verified(self, authorization: str, arn: MethodArn) -> AccessTokenClaims:
        bearer = _BEARER.fullmatch(authorization)
        if bearer is None:
            raise InvalidTokenError(detail="not a bearer token")
        realm = issuer.realm(self._settings, arn.api_id, arn.region, arn.stage)
        keys = self._jwk_set(issuer.jwks_uri(self._settings, realm.issuer))
        now = int(self._clock())
        return verify(bearer[1], keys.key, issuer=realm.issuer, audience=realm.audience, now=now)

    def _jwk_set(self, uri: str) -> RemoteJwkSet:
        if uri not in self._jwk_sets:
            self._jwk_sets[uri] = RemoteJwkSet(uri, self._fetch, self._clock, self._settings.jwks_max_age)
        return self._jwk_sets[uri]


def _arn(text: str) -> MethodArn:
    try:
        return MethodArn.parse(text)
    except ValueError:
        raise InvalidTokenError(detail="not the ARN of a method") from None


def _context(claims: AccessTokenClaims) -> dict[str, str]:
    """What the route is told: strings alone, as API Gateway delivers them; the record's own claims as JSON."""
    told = {
        "sub": claims.sub,
        "client_id": claims.client_id,
        "scope": serialize(claims.scope),
        "jti": claims.jti,
        "exp": str(claims.exp),
        "kid": claims.kid,
        "sid": claims.sid,
        "username": claims.preferred_username,
        "session_epoch": None if claims.session_epoch is None else str(claims.session_epoch),
        "claims": json.dumps(claims.custom, default=dict, separators=(",", ":")),
    }
    return {name: value for name, value in told.items() if value is not None}


# Compiled once; a table that cannot be written exactly as a policy stops the start.
PROTECTED = AccessTable(ACCESS_TABLE)
GATE = Gate(settings.from_environment(os.environ), PROTECTED, fetch_jwk_set, time.time)


@gatehouse.authorizer(ttl_seconds=CACHE_SECONDS)
def gate(request: AuthRequest) -> dict[str, Any]:
    """The authorizer. API Gateway answers 401 for exactly `Exception("Unauthorized")`, and 503 for any other."""
    try:
        return GATE.decide(request.token, request.method_arn)
    except InvalidTokenError:
        raise Exception("Unauthorized") from None
