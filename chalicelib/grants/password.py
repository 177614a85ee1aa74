"""The password grant of the first-party route: username and password in, a new session out (RFC 6749 §4.3)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from chalicelib.accounts.credentials import Credentials
from chalicelib.accounts.sessions import Sessions
from chalicelib.grants.grant import Granted, TokenRequest, required
from chalicelib.model import Session, User
from chalicelib.scope import granted
from chalicelib.telemetry.events import Event, EventName
from chalicelib.tokens.claims import check_record
from chalicelib.tokens.refresh_token import SECRET_BYTES, RefreshToken


class Users(Protocol):
    """What a sign-in needs of the users, once it knows who it is. Raises `StoreUnavailableError`."""

    def replace_password_hash(self, user: User, password_hash: str) -> None: ...


@dataclass(frozen=True, slots=True)
class PasswordGrant:
    """Proves a user by their password, and begins a session."""

    credentials: Credentials
    users: Users
    sessions: Sessions
    random_bytes: Callable[[int], bytes]
    new_session_id: Callable[[], str]

    def __call__(self, request: TokenRequest) -> Granted:
        """Raises what `Credentials.check` raises, and `UnfitTokenError`."""
        username, password = required(request.username, "username"), required(request.password, "password")
        user = self.credentials.check(username, password, request.device, request.now)
        check_record(user.claims, user.scope)
        self._rehash(user, password)
        session, refresh_token = self._begun(user, request)
        self.sessions.begin(session, user, request.now)
        return Granted(user, session, granted(user.scope, request.scope), refresh_token, _signed_in(session, user))

    def _rehash(self, user: User, password: str) -> None:
        passwords = self.credentials.passwords
        if passwords.needs_rehash(user.password_hash):
            self.users.replace_password_hash(user, passwords.hash(password))

    def _begun(self, user: User, request: TokenRequest) -> tuple[Session, RefreshToken]:
        refresh_token = RefreshToken(
            sub=user.sub,
            session_id=self.new_session_id(),
            secret=self.random_bytes(SECRET_BYTES),
            generation=0,
        )
        session = Session(
            sub=user.sub,
            session_id=refresh_token.session_id,
            client_id=request.client.client_id,
            asked_scope=request.scope,
            secret_hash=refresh_token.secret_hash(),
            generation=refresh_token.generation,
            session_epoch=user.session_epoch,
            created_at=request.now,
            rotated_at=request.now,
            expires_at=request.now + request.client.idle_lifetime,
            absolute_expires_at=request.now + request.client.absolute_lifetime,
            device=request.device,
        )
        return session, refresh_token


def _signed_in(session: Session, user: User) -> Event:
    return Event(
        event=EventName.SIGN_IN,
        at=session.created_at,
        sub=user.sub,
        username=user.username,
        client_id=session.client_id,
        session_id=session.session_id,
    )
