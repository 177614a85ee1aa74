"""The gate's decision: a bearer token and the ARN of a method in, an IAM policy out.

It may guard other REST APIs than this service's own, each with an access table of its own (`guarded_apis`).
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from chalicelib import issuer
from chalicelib.errors import InvalidTokenError
from chalicelib.gate.policy import AccessTable, MethodArn
from chalicelib.gate.verified_tokens import VerifiedTokens
from chalicelib.keys.remote_jwk_set import RemoteJwkSet
from chalicelib.settings import Settings

if TYPE_CHECKING:
    from chalicelib.tokens.revocations import Revocations


class _Api(NamedTuple):
    """One stage of an API: `prefix` is what the ARNs of its methods begin with."""

    prefix: str
    access_table: AccessTable
    tokens: VerifiedTokens


class Gate:
    """Decides what a token may reach. `fetch` gets a JWK Set by its address, `clock` gives the NumericDate.

    `guarded` are the access tables by API id; where there are none, `access_table` holds for whichever API asks.
    `revocations` gives what is revoked at a NumericDate; without it nothing is.
    """

    def __init__(
        self,
        settings: Settings,
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

    def decide(self, authorization: str, method_arn: str, resource: str | None = None) -> dict[str, Any]:
        """The answer that API Gateway expects: `principalId`, `policyDocument`, `context`.

        The policy covers the whole API, for API Gateway keeps it for the token and asks again for other routes; or
        the one route, for an API that is guarded so. `resource` is what API Gateway matched, where it says that.
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
            "policyDocument": api.access_table.answer(
                api.prefix, claims.scope, method_arn[len(api.prefix) :], resource
            ),
            "context": dict(context),
        }

    def _api(self, method_arn: str) -> _Api:
        prefix = "/".join(method_arn.split("/", 2)[:2])
        api = self._apis.get(prefix)
        if api is None:
            api = self._apis[prefix] = self._new_api(method_arn)
        return api

    def _new_api(self, method_arn: str) -> _Api:
        try:
            arn = MethodArn.parse(method_arn)
        except ValueError:
            raise InvalidTokenError(detail="not the ARN of a method") from None
        expected = issuer.issuer_of(self._settings, arn.api_id, arn.region, arn.stage)
        keys = self._jwk_set(issuer.jwks_uri(self._settings, expected))
        tokens = VerifiedTokens(keys.key, expected, issuer.audience_of(self._settings, expected))
        return _Api(arn.prefix, self._table(arn.api_id), tokens)

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
