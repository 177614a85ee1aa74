"""Token requests as the routes make them, for those who ask the token endpoint itself."""

from dataclasses import replace

from chalicelib.grants.grant import TokenRequest
from chalicelib.model import Device
from chalicelib.oauth.clients import Client
from chalicelib.scope import Scope
from chalicelib.services import Services

REALM = ("https://gatehouse.example", "https://gatehouse.example")  # issuer and audience
DEVICE = Device("192.0.2.7", "a test")


def by_password(services: Services, username: str, password: str, scope: Scope | None = None) -> TokenRequest:
    """A sign-in of the first-party client at the time of `services`."""
    return replace(_request(services, "password", scope), username=username, password=password)


def by_refresh_token(
    services: Services, refresh_token: str, scope: Scope | None = None, client: Client | None = None
) -> TokenRequest:
    """A refresh of the first-party client, or of another, at the time of `services`."""
    request = _request(services, "refresh_token", scope)
    return replace(request, refresh_token=refresh_token, client=client or request.client)


def _request(services: Services, grant_type: str, scope: Scope | None) -> TokenRequest:
    return TokenRequest(grant_type, services.first_party, scope, DEVICE, *REALM, services.now())
