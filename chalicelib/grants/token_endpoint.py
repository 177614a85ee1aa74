"""What every token request passes, whatever its grant (RFC 6749 §3.2). The phases stand here once, numbered, so
that no grant can forget one.

1. The client is authenticated: by the route, which makes the request. The first-party client is public.
2. The grant is found.
3. It is allowed to this client.
4. The scope is narrowed to the client's.
5. The keys are read: a store that fails does so before anything is spent.
6. The grant runs: it reads what it needs, then spends what was presented.
7. The tokens are issued, which asks no store.
8. The event is recorded.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from chalicelib.errors import UnauthorizedClientError, UnsupportedGrantTypeError
from chalicelib.grants.grant import Grant, TokenRequest
from chalicelib.grants.token_issuer import TokenIssuer
from chalicelib.model import TokenResponse
from chalicelib.scope import granted
from chalicelib.telemetry.events import Events


@dataclass(frozen=True, slots=True)
class TokenEndpoint:
    """`grants` by `grant_type`."""

    grants: Mapping[str, Grant]
    issuer: TokenIssuer
    events: Events

    def __call__(self, request: TokenRequest) -> TokenResponse:
        """The token response. Raises `UnsupportedGrantTypeError`, `UnauthorizedClientError`, what the grant
        raises, and `StoreUnavailableError`."""
        grant = self.grants.get(request.grant_type)
        if grant is None:
            raise UnsupportedGrantTypeError
        if request.grant_type not in request.client.grant_types:
            raise UnauthorizedClientError
        request = replace(request, scope=_narrowed(request))
        keys = self.issuer.keys_at(request.now)
        issued = grant(request)
        response = self.issuer.respond(issued, request, keys)
        self.events.record(issued.event)
        return response


def _narrowed(request: TokenRequest) -> frozenset[str] | None:
    bound = request.client.scope
    return request.scope if bound is None else granted(bound, request.scope)
