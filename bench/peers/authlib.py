"""Authlib's authorization server with a refresh token grant that rotates, JWTs by RFC 9068, and a store in memory.

It is written after Authlib's documentation ("OAuth 2.0 Provider", "RFC9068"), without a framework: the request and
the answer are as plain as Authlib allows, so no part of its time is Flask's.
"""

import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from authlib.oauth2 import AuthorizationServer  # type: ignore[import-untyped]
from authlib.oauth2.rfc6749 import ClientMixin, OAuth2Payload, OAuth2Request, TokenMixin  # type: ignore[import-untyped]
from authlib.oauth2.rfc6749.grants import (  # type: ignore[import-untyped]
    RefreshTokenGrant,
    ResourceOwnerPasswordCredentialsGrant,
)
from authlib.oauth2.rfc7009 import RevocationEndpoint  # type: ignore[import-untyped]
from authlib.oauth2.rfc9068 import JWTBearerTokenGenerator  # type: ignore[import-untyped]
from joserfc.jwk import ECKey, KeySet

_ISSUER = "https://auth.example.com"
_SCOPE = "account comments:read comments:write"


@dataclass
class User:
    """A user, as Authlib asks for one."""

    user_id: str

    def get_user_id(self) -> str:
        """The claim `sub`."""
        return self.user_id


class Client(ClientMixin):  # type: ignore[misc]
    """A public client."""

    client_id = "gatehouse"

    def get_client_id(self) -> str:
        """Its id."""
        return self.client_id

    def get_allowed_scope(self, scope: str) -> str:
        """Every scope."""
        return scope

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:  # noqa: ARG002
        """It has no secret."""
        return method == "none"

    def check_grant_type(self, grant_type: str) -> bool:
        """It signs in and refreshes."""
        return grant_type in {"password", "refresh_token"}


@dataclass
class Token(TokenMixin):  # type: ignore[misc]
    """What the store keeps of a token."""

    refresh_token: str
    user_id: str
    scope: str
    revoked: bool = False

    def check_client(self, client: Client) -> bool:
        """Whether it was given to `client`."""
        return client.client_id == Client.client_id

    def get_scope(self) -> str:
        """What was granted."""
        return self.scope


class Store:
    """Everything in memory, and `calls`: each is a round trip where there is a database."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self._clients = {Client.client_id: Client()}
        self._users = {"user": User("user")}
        self._tokens: dict[str, Token] = {}

    def client(self, client_id: str) -> Client | None:
        """A read."""
        self.calls.append("read client")
        return self._clients.get(client_id)

    def user(self, user_id: str) -> User | None:
        """A read."""
        self.calls.append("read user")
        return self._users.get(user_id)

    def token(self, refresh_token: str) -> Token | None:
        """A read."""
        self.calls.append("read token")
        return self._tokens.get(refresh_token)

    def add(self, token: Token) -> None:
        """A write."""
        self.calls.append("write token")
        self._tokens[token.refresh_token] = token

    def revoke(self, token: Token) -> None:
        """A write; a table that keeps revoked tokens would grow, this one forgets them."""
        self.calls.append("write token")
        del self._tokens[token.refresh_token]

    def calls_of(self, operation: Callable[[], object]) -> int:
        """How many calls `operation` makes."""
        before = len(self.calls)
        operation()
        return len(self.calls) - before


class _Request(OAuth2Request):  # type: ignore[misc]
    def __init__(self, form: dict[str, str]) -> None:
        super().__init__("POST", f"{_ISSUER}/oauth2/token", headers={})
        self._form = form
        self.payload = _Payload(form)

    @property
    def args(self) -> dict[str, str]:
        return {}

    @property
    def form(self) -> dict[str, str]:
        return self._form


class _Payload(OAuth2Payload):  # type: ignore[misc]
    def __init__(self, form: dict[str, str]) -> None:
        self._form = form

    @property
    def data(self) -> dict[str, str]:
        return self._form

    @property
    def datalist(self) -> dict[str, list[str]]:
        return {name: [value] for name, value in self._form.items()}


class _RefreshTokenGrant(RefreshTokenGrant):  # type: ignore[misc]
    INCLUDE_NEW_REFRESH_TOKEN = True
    TOKEN_ENDPOINT_AUTH_METHODS = ("none",)

    def authenticate_refresh_token(self, refresh_token: str) -> Token | None:
        token: Token | None = self.server.store.token(refresh_token)
        return token if token and not token.revoked else None

    def authenticate_user(self, refresh_token: Token) -> User | None:
        user: User | None = self.server.store.user(refresh_token.user_id)
        return user

    def revoke_old_credential(self, refresh_token: Token) -> None:
        self.server.store.revoke(refresh_token)


class _PasswordGrant(ResourceOwnerPasswordCredentialsGrant):  # type: ignore[misc]
    TOKEN_ENDPOINT_AUTH_METHODS = ("none",)

    def authenticate_user(self, username: str, password: str) -> User | None:  # noqa: ARG002
        user: User | None = self.server.store.user(username)
        return user


class _Revocation(RevocationEndpoint):  # type: ignore[misc]
    CLIENT_AUTH_METHODS = ("none",)

    def query_token(self, token_string: str, token_type_hint: str | None) -> Token | None:  # noqa: ARG002
        token: Token | None = self.server.store.token(token_string)
        return token

    def revoke_token(self, token: Token, request: OAuth2Request) -> None:  # noqa: ARG002
        self.server.store.revoke(token)


class _Generator(JWTBearerTokenGenerator):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__(_ISSUER, "ES256", lambda **_: secrets.token_urlsafe(32))
        self._keys = KeySet([ECKey.generate_key("P-256", {"kid": "key", "alg": "ES256"})])

    def get_jwks(self) -> KeySet:
        return self._keys


class _Server(AuthorizationServer):  # type: ignore[misc]
    def __init__(self, store: Store) -> None:
        super().__init__()
        self.store = store
        self.register_token_generator("default", _Generator())
        self.register_grant(_RefreshTokenGrant)
        self.register_grant(_PasswordGrant)
        self.register_endpoint(_Revocation)

    def query_client(self, client_id: str) -> Client | None:
        return self.store.client(client_id)

    def save_token(self, token: dict[str, Any], request: OAuth2Request) -> None:
        self.store.add(Token(token["refresh_token"], request.user.user_id, token["scope"]))

    def create_oauth2_request(self, request: dict[str, str]) -> OAuth2Request:
        return _Request(request)

    def handle_response(self, status: int, body: Any, headers: Any) -> tuple[int, str, Any]:
        return status, json.dumps(body), headers

    def send_signal(self, name: str, *args: object, **kwargs: object) -> None:
        pass


class Server:
    """The server with one session, and its `store`."""

    def __init__(self) -> None:
        self.store = Store()
        self._server = _Server(self.store)
        self._refresh_token = secrets.token_urlsafe(32)
        self.store.add(Token(self._refresh_token, "user", _SCOPE))

    def sign_in(self) -> None:
        """A new session. No password is checked."""
        self._token({"grant_type": "password", "username": "user", "password": "", "scope": _SCOPE})

    def refresh(self) -> None:
        """One refresh, with the token that the last one gave."""
        self._token({"grant_type": "refresh_token", "refresh_token": self._refresh_token})

    def revoke(self) -> None:
        """Ends the session; the next thing to do is to sign in."""
        form = {"client_id": Client.client_id, "token": self._refresh_token}
        self._server.create_endpoint_response("revocation", form)

    def _token(self, form: dict[str, str]) -> None:
        status, body, _ = self._server.create_token_response({"client_id": Client.client_id, **form})
        if status != 200:
            raise RuntimeError(body)
        self._refresh_token = json.loads(body)["refresh_token"]
