"""What every grant ends with: an access token for a living session, and the answer that carries it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from chalicelib import base64url
from chalicelib.keys.material import SigningKey
from chalicelib.model import Session, TokenResponse, User
from chalicelib.realm import Realm
from chalicelib.scope import Scope
from chalicelib.tokens import access_token, refresh_token
from chalicelib.tokens.access_token import AccessToken
from chalicelib.tokens.refresh_token import HmacKey, RefreshToken

JTI_BYTES = 16


class SigningKeys(Protocol):
    """The keys that make tokens now. Both raise `StoreUnavailableError`."""

    def signing_key(self, now: int) -> SigningKey: ...

    def hmac_key(self, now: int) -> HmacKey: ...


@dataclass(frozen=True, slots=True)
class TokenIssuer:
    """Turns a session into a `TokenResponse`. `access_token_lifetime` is in seconds."""

    keys: SigningKeys
    random_bytes: Callable[[int], bytes]
    access_token_lifetime: int

    def respond(
        self, user: User, session: Session, scope: Scope, refresh: RefreshToken, realm: Realm, now: int
    ) -> TokenResponse:
        """The answer for `session`, with `scope` granted and `refresh` as the refresh token."""
        content = AccessToken(
            sub=user.sub,
            client_id=session.client_id,
            scope=scope,
            jti=base64url.encode(self.random_bytes(JTI_BYTES)),
            lifetime=self.access_token_lifetime,
            sid=session.session_id,
            username=user.username,
            session_epoch=user.session_epoch,
            claims=user.claims,
        )
        return TokenResponse(
            access_token=access_token.issue(content, realm, self.keys.signing_key(now), now),
            expires_in=self.access_token_lifetime,
            refresh_token=refresh_token.mint(refresh, self.keys.hmac_key(now)),
            scope=scope,
        )
