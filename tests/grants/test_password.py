"""The password grant by itself: one session, begun for the client that asks."""

import json
from dataclasses import replace

import pytest

from chalicelib.errors import InvalidRequestError
from chalicelib.grants.grant import TokenRequest
from chalicelib.grants.password import PasswordGrant
from chalicelib.model import Device, User
from chalicelib.oauth.clients import Client
from chalicelib.services import Services
from chalicelib.stores import users
from chalicelib.tokens.claims import MAX_RECORD_LENGTH, UnfitTokenError

CLIENT = Client("client_1", frozenset({"password"}), 900, idle_lifetime=50, absolute_lifetime=70, refresh_grace=60)
REALM = ("https://gatehouse.example", "https://gatehouse.example")  # issuer and audience


@pytest.fixture
def grant(services: Services) -> PasswordGrant:
    return services.password_grant


@pytest.fixture
def request_of_user(services: Services, user: User) -> TokenRequest:
    return TokenRequest(
        grant_type="password",
        client=CLIENT,
        scope=frozenset({"comments:read", "users:write"}),
        device=Device("192.0.2.7", "curl/8.5.0"),
        issuer=REALM[0],
        audience=REALM[1],
        now=services.now(),
        username=user.username,
        password="demo-password",
    )


def test_it_begins_a_session_of_the_client(
    grant: PasswordGrant, request_of_user: TokenRequest, services: Services, user: User
) -> None:
    granted = grant(request_of_user)
    assert list(services.session_store.newest(user.sub)) == [granted.session]
    session, now = granted.session, request_of_user.now
    assert (session.client_id, session.generation, granted.refresh_token.generation) == ("client_1", 0, 0)
    assert (session.expires_at, session.absolute_expires_at) == (now + 50, now + 70)


def test_it_grants_what_is_asked_and_held_and_keeps_the_wish(
    grant: PasswordGrant, request_of_user: TokenRequest
) -> None:
    granted = grant(request_of_user)
    assert granted.scope == frozenset({"comments:read"})
    assert granted.session.asked_scope == request_of_user.scope
    assert grant(replace(request_of_user, scope=None)).scope == granted.user.scope


def test_without_name_or_password_the_request_is_malformed(
    grant: PasswordGrant, request_of_user: TokenRequest, services: Services, user: User
) -> None:
    for incomplete in (replace(request_of_user, username=None), replace(request_of_user, password=None)):
        with pytest.raises(InvalidRequestError):
            grant(incomplete)
    assert list(services.session_store.newest(user.sub)) == []


def test_a_record_that_fits_into_no_token_begins_nothing(
    grant: PasswordGrant, request_of_user: TokenRequest, services: Services, user: User
) -> None:
    """Written by other hands than `UserStore.add`."""
    values = {":claims": json.dumps({"a": "x" * MAX_RECORD_LENGTH})}
    services.users.table.update(users.key(user.sub), "SET claims = :claims", values, "attribute_exists(pk)")
    with pytest.raises(UnfitTokenError, match=str(MAX_RECORD_LENGTH)):
        grant(request_of_user)
    assert list(services.session_store.newest(user.sub)) == []
