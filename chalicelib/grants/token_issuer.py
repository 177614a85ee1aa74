"""The token response of a session: an access token and the refresh token, by keys that are at hand."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from chalicelib.grants.grant import Granted, TokenRequest
from chalicelib.ids import new_id
from chalicelib.keys.material import HmacKey, SigningKey
from chalicelib.model import TokenResponse
from chalicelib.tokens import access_token, refresh_token
from chalicelib.tokens.access_token import AccessToken


class Keys(Protocol):
    """The keys that make tokens now. Both raise `StoreUnavailableError`."""

    def signing_key(self, now: int) -> SigningKey: ...

    def hmac_key(self, now: int) -> HmacKey: ...


@dataclass(frozen=True, slots=True)
class IssuingKeys:
    """The keys that one response is made with."""

    signing: SigningKey
    hmac: HmacKey


@dataclass(frozen=True, slots=True)
class TokenIssuer:
    """Turns what a grant gave into a `TokenResponse`."""

    keys: Keys
    random_bytes: Callable[[int], bytes]

    def keys_at(self, now: int) -> IssuingKeys:
        """The keys for a response at the NumericDate `now`. Raises `StoreUnavailableError`."""
        return IssuingKeys(self.keys.signing_key(now), self.keys.hmac_key(now))

    def respond(self, granted: Granted, request: TokenRequest, keys: IssuingKeys) -> TokenResponse:
        """The response to `request`. It asks no store."""
        session, user, lifetime = granted.session, granted.user, request.client.access_token_lifetime
        content = AccessToken(
            sub=user.sub,
            client_id=session.client_id,
            scope=granted.scope,
            jti=new_id(self.random_bytes),
            lifetime=lifetime,
            sid=session.session_id,
            username=user.username,
            session_epoch=user.session_epoch,
            claims=user.claims,
        )
        return TokenResponse(
            access_token=access_token.issue(content, request.issuer, request.audience, keys.signing, request.now),
            expires_in=lifetime,
            refresh_token=refresh_token.mint(granted.refresh_token, keys.hmac),
            scope=granted.scope,
        )
