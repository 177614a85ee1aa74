"""The password grant of the first-party route: username and password in, a new session's tokens out."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from chalicelib import base64url
from chalicelib import username as usernames
from chalicelib.errors import InvalidCredentialsError, InvalidRequestError
from chalicelib.grants.response import TokenIssuer
from chalicelib.model import FIRST_PARTY, Device, Realm, Session, TokenResponse, User
from chalicelib.password import MAX_LENGTH, Passwords
from chalicelib.refresh_token import ID_BYTES, SECRET_BYTES, RefreshToken
from chalicelib.scope import Scope, granted


class Users(Protocol):
    """What a sign-in needs of the users. All raise `StoreUnavailableError`."""

    def by_username(self, username: str) -> User | None: ...

    def replace_password_hash(self, user: User, password_hash: str) -> None: ...


class Sessions(Protocol):
    """What a sign-in needs of the sessions. Raises `StoreUnavailableError`."""

    def add(self, session: Session) -> None: ...


@dataclass(frozen=True, slots=True)
class PasswordRequest:
    """Who says to be whom, from where; `scope` narrows what the tokens may do, `None` asks for all."""

    username: str
    password: str = field(repr=False)
    scope: Scope | None
    device: Device


@dataclass(frozen=True, slots=True)
class PasswordGrant:
    """Lifetimes are in seconds."""

    users: Users
    sessions: Sessions
    passwords: Passwords
    issuer: TokenIssuer
    random_bytes: Callable[[int], bytes]
    idle_lifetime: int
    absolute_lifetime: int

    def __call__(self, request: PasswordRequest, realm: Realm, now: int) -> TokenResponse:
        """Raises `InvalidCredentialsError` for every reason alike, and `StoreUnavailableError`."""
        user = self._authenticated(request)
        session, refresh = self._begin(user, request, now)
        # The tokens are made before the session is written: when no key is at hand, nothing is left behind.
        response = self.issuer.respond(user, session, granted(user.scope, request.scope), refresh, realm, now)
        self.sessions.add(session)
        return response

    def _authenticated(self, request: PasswordRequest) -> User:
        user = self.users.by_username(_well_formed(request))
        # An unknown user costs one verification too, and a disabled one is told nothing else.
        if not self.passwords.verify(request.password, user.password_hash if user else None):
            raise InvalidCredentialsError
        if user is None or user.disabled:
            raise InvalidCredentialsError
        if self.passwords.needs_rehash(user.password_hash):
            self.users.replace_password_hash(user, self.passwords.hash(request.password))
        return user

    def _begin(self, user: User, request: PasswordRequest, now: int) -> tuple[Session, RefreshToken]:
        refresh = RefreshToken(
            sub=user.sub,
            session_id=base64url.encode(self.random_bytes(ID_BYTES)),
            secret=self.random_bytes(SECRET_BYTES),
            generation=0,
        )
        session = Session(
            sub=user.sub,
            session_id=refresh.session_id,
            username=user.username,
            client_id=FIRST_PARTY,
            asked_scope=request.scope,
            secret_hash=refresh.secret_hash(),
            generation=refresh.generation,
            session_epoch=user.session_epoch,
            created_at=now,
            rotated_at=now,
            expires_at=now + self.idle_lifetime,
            absolute_expires_at=now + self.absolute_lifetime,
            device=request.device,
        )
        return session, refresh


def _well_formed(request: PasswordRequest) -> str:
    # What no account can have is refused before any work; it says nothing about which accounts exist.
    if len(request.password) > MAX_LENGTH:
        raise InvalidCredentialsError(detail="password longer than any account's")
    try:
        return usernames.normalize(request.username)
    except InvalidRequestError:
        raise InvalidCredentialsError(detail="username that no account can have") from None
