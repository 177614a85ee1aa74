"""The password grant by itself: a session and its tokens, or neither."""

from dataclasses import replace

import pytest

from chalicelib.errors import StoreUnavailableError
from chalicelib.grants.password import PasswordRequest
from chalicelib.grants.token_issuer import TokenIssuer
from chalicelib.model import FIRST_PARTY, Device, TokenResponse, User
from chalicelib.realm import Realm
from chalicelib.scope import Scope
from chalicelib.services import Services

REALM = Realm("https://gatehouse.example", "https://gatehouse.example")


class NoKeys(TokenIssuer):
    """Has no key to sign with."""

    def respond(self, *_: object) -> TokenResponse:
        raise StoreUnavailableError(detail="no key")


def asked(user: User, scope: Scope | None = None) -> PasswordRequest:
    return PasswordRequest(user.username, "demo-password", scope, Device("192.0.2.7", "curl"))


def test_a_sign_in_is_a_session_of_the_first_party_client(services: Services, user: User) -> None:
    tokens = services.sign_in(asked(user), REALM, services.now())
    (session,) = services.session_store.of_user(user.sub)
    assert (session.client_id, session.generation, session.asked_scope) == (FIRST_PARTY, 0, None)
    assert session.expires_at == services.now() + services.settings.session_idle_lifetime
    assert tokens.scope == user.scope


def test_a_narrower_scope_is_kept_with_the_session(services: Services, user: User) -> None:
    wish = frozenset({"comments:read", "users:write"})
    tokens = services.sign_in(asked(user, wish), REALM, services.now())
    (session,) = services.session_store.of_user(user.sub)
    assert tokens.scope == {"comments:read"}
    assert session.asked_scope == wish


def test_where_no_key_signs_nothing_is_left_behind(services: Services, user: User) -> None:
    without = NoKeys(services.keys, services.random_bytes, services.settings.access_token_lifetime)
    with pytest.raises(StoreUnavailableError):
        replace(services.sign_in, issuer=without)(asked(user), REALM, services.now())
    assert services.session_store.of_user(user.sub) == []


def test_no_password_shows(user: User) -> None:
    assert "demo-password" not in repr(asked(user))
