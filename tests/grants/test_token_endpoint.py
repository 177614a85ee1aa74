"""The phases that every token request passes: which grant, whose it may be, and how far its scope goes."""

from dataclasses import replace

import pytest

from chalicelib.errors import StoreUnavailableError, UnauthorizedClientError, UnsupportedGrantTypeError
from chalicelib.grants.grant import Granted, TokenRequest
from chalicelib.keys.material import HmacKey, SigningKey
from chalicelib.model import User
from chalicelib.services import Services
from tests.support.token_requests import by_password


@pytest.fixture
def request_of_user(services: Services, user: User) -> TokenRequest:
    return by_password(services, user.username, "demo-password")


def test_a_grant_that_there_is_not(services: Services, request_of_user: TokenRequest, user: User) -> None:
    with pytest.raises(UnsupportedGrantTypeError):
        services.token_endpoint(replace(request_of_user, grant_type="authorization_code"))
    assert list(services.session_store.newest(user.sub)) == []


def test_a_grant_that_is_not_the_clients(services: Services, request_of_user: TokenRequest, user: User) -> None:
    client = replace(services.first_party, grant_types=frozenset({"refresh_token"}))
    with pytest.raises(UnauthorizedClientError):
        services.token_endpoint(replace(request_of_user, client=client))
    assert list(services.session_store.newest(user.sub)) == []


def test_no_client_gets_more_than_its_own_scope(services: Services, request_of_user: TokenRequest) -> None:
    bound = frozenset({"comments:read", "users:write"})
    request = replace(request_of_user, client=replace(services.first_party, scope=bound))
    assert services.token_endpoint(request).scope == {"comments:read"}
    assert services.token_endpoint(replace(request, scope=frozenset({"account"}))).scope == frozenset()


def test_keys_that_cannot_be_had_stop_it_before_the_grant_runs(
    services: Services, request_of_user: TokenRequest
) -> None:
    ran: list[TokenRequest] = []

    def grant(request: TokenRequest) -> Granted:
        ran.append(request)
        raise AssertionError

    class Keys:
        def signing_key(self, now: int) -> SigningKey:
            raise StoreUnavailableError(detail=str(now))

        def hmac_key(self, now: int) -> HmacKey:
            raise StoreUnavailableError(detail=str(now))

    endpoint = replace(
        services.token_endpoint,
        grants={"password": grant},
        issuer=replace(services.token_endpoint.issuer, keys=Keys()),
    )
    with pytest.raises(StoreUnavailableError):
        endpoint(request_of_user)
    assert ran == []
