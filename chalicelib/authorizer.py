"""The gate: bearer token in, IAM policy out. A Lambda function of its own, without app.py and boto3.

It may guard other REST APIs than this service's own, each with an access table of its own (guarded_apis).
"""

import logging
import os
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from chalice import Blueprint
from chalice.app import AuthRequest

from chalicelib import issuer, settings
from chalicelib.access_table import guarded
from chalicelib.errors import InvalidTokenError
from chalicelib.gate.policy import AccessTable, MethodArn
from chalicelib.gate.verified_tokens import VerifiedTokens
from chalicelib.keys.remote_jwk_set import RemoteJwkSet, fetch_jwk_set

if TYPE_CHECKING:
    from chalicelib.tokens.revocations import Revocations

# How long API Gateway may use one answer again. The API checks `exp` and the revocations itself.
CACHE_SECONDS = 300

_log = logging.getLogger(__name__)

blueprint = Blueprint(__name__)


class _Api(NamedTuple):
    """One stage of an API: `prefix` is what the ARNs of its methods begin with."""

    prefix: str
    access_table: AccessTable
    tokens: VerifiedTokens


class Gate:
    """Decides what a token may reach. `fetch` gets a JWK Set by its address, `clock` tells the NumericDate.

    `guarded` are the access tables by API id; where there are none, `access_table` holds for whichever API asks.
    `revocations` tells what is revoked at a NumericDate; without it nothing is.
    """

    def __init__(
        self,
        settings: settings.Settings,
        access_table: AccessTable,
        fetch: Callable[[str], bytes],
        clock: Callable[[], float],
        guarded: Mapping[str, AccessTable] | None = None,
        revocations: "Callable[[int], Revocations] | None" = None,
    ) -> None:
        self._settings = settings
        self._access_table = access_table
        self._fetch = fetch
        self._clock = clock
        self._guarded = guarded
        self._revocations = revocations
        self._apis: dict[str, _Api] = {}
        self._jwk_sets: dict[str, RemoteJwkSet] = {}

    def decide(self, authorization: str, method_arn: str) -> dict[str, Any]:
        """The answer that API Gateway expects: `principalId`, `policyDocument`, `context`.

        The policy covers the whole API, for API Gateway keeps it for the token and asks again for other routes.
        Raises `InvalidTokenError`; `KeysUnavailableError` while the JWK Set was never to be had, and
        `StoreUnavailableError` while the revocations are to be asked and cannot be.
        """
        api = self._api(method_arn)
        now = int(self._clock())
        claims, _, context = api.tokens.verified(_bearer_token(authorization), now)
        if self._revocations is not None and self._revocations(now).revokes(claims):
            raise InvalidTokenError(detail="revoked")
        return {
            "principalId": claims.sub,
            "policyDocument": api.access_table.policy(api.prefix, claims.scope),
            "context": dict(context),
        }

    def _api(self, method_arn: str) -> _Api:
        prefix = "/".join(method_arn.split("/", 2)[:2])
        api = self._apis.get(prefix)
        if api is None:
            api = self._apis[prefix] = self._opened(method_arn)
        return api

    def _opened(self, method_arn: str) -> _Api:
        try:
            arn = MethodArn.parse(method_arn)
        except ValueError:
            raise InvalidTokenError(detail="not the ARN of a method") from None
        realm = issuer.realm(self._settings, arn.api_id, arn.region, arn.stage)
        keys = self._jwk_set(issuer.jwks_uri(self._settings, realm.issuer))
        return _Api(arn.prefix, self._table(arn.api_id), VerifiedTokens(keys.key, realm))

    def _table(self, api_id: str) -> AccessTable:
        if self._guarded is None:
            return self._access_table
        if api_id not in self._guarded:  # else this service's own routes would open that API's
            raise InvalidTokenError(detail="an API that is not guarded here")
        return self._guarded[api_id]

    def _jwk_set(self, uri: str) -> RemoteJwkSet:
        if uri not in self._jwk_sets:
            self._jwk_sets[uri] = RemoteJwkSet(uri, self._fetch, self._clock, self._settings.jwks_max_age)
        return self._jwk_sets[uri]


def _bearer_token(authorization: str) -> str:
    # RFC 6750 §2.1; RFC 9110 §11.1: the scheme is case-insensitive. What a token is made of, `verify` knows.
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer":
        raise InvalidTokenError(detail="not a bearer token")
    return token.lstrip(" ")


def _guarded(given: settings.Settings) -> Mapping[str, AccessTable] | None:
    if not given.guarded_apis:
        return None
    from chalicelib.gate.guarded_apis import load  # here, so that a gate without it starts as fast as ever

    return load(given, PROTECTED)


def _revocations(given: settings.Settings) -> "Callable[[int], Revocations] | None":
    if not given.gate_reads_feed:
        return None
    from chalicelib.gate.revocation_feed import revocations  # here, for it brings boto3

    return revocations(given)


# Compiled once; a table that cannot be written exactly as a policy stops the start.
PROTECTED = AccessTable(guarded())
SETTINGS = settings.from_environment(os.environ)
GATE = Gate(SETTINGS, PROTECTED, fetch_jwk_set, time.time, _guarded(SETTINGS), _revocations(SETTINGS))


@blueprint.authorizer(ttl_seconds=CACHE_SECONDS)
def gate(request: AuthRequest) -> dict[str, Any]:
    """The authorizer. API Gateway answers 401 for exactly `Exception("Unauthorized")`, and 503 for any other."""
    try:
        return GATE.decide(request.token, request.method_arn)
    except InvalidTokenError as error:
        _log.info("refused: %s", error.detail)
        raise Exception("Unauthorized") from None
