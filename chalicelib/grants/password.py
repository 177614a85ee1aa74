"""The password grant of the first-party route: username and password in, a new session's tokens out."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from chalicelib import base64url
from chalicelib.accounts.credentials import Credentials
from chalicelib.accounts.sessions import Sessions
from chalicelib.grants.token_issuer import TokenIssuer
from chalicelib.model import FIRST_PARTY, Device, Session, TokenResponse, User
from chalicelib.realm import Realm
from chalicelib.scope import Scope, granted
from chalicelib.telemetry.events import Event, EventName, Events
from chalicelib.tokens.refresh_token import ID_BYTES, SECRET_BYTES, RefreshToken


class Users(Protocol):
    """What a sign-in needs of the users, once it knows who it is. Raises `StoreUnavailableError`."""

    def replace_password_hash(self, user: User, password_hash: str) -> None: ...


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

    credentials: Credentials
    users: Users
    sessions: Sessions
    issuer: TokenIssuer
    events: Events
    random_bytes: Callable[[int], bytes]
    idle_lifetime: int
    absolute_lifetime: int

    def __call__(self, request: PasswordRequest, realm: Realm, now: int) -> TokenResponse:
        """Raises what `Credentials.check` raises."""
        user = self.credentials.check(request.username, request.password, request.device, now)
        self._rehash(user, request.password)
        session, refresh = self._begin(user, request, now)
        # The tokens are made before the session is written: when no key is at hand, nothing is left behind.
        response = self.issuer.respond(user, session, granted(user.scope, request.scope), refresh, realm, now)
        self.sessions.begin(session, user, now)
        self.events.record(_signed_in(session))
        return response

    def _rehash(self, user: User, password: str) -> None:
        passwords = self.credentials.passwords
        if passwords.needs_rehash(user.password_hash):
            self.users.replace_password_hash(user, passwords.hash(password))

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


def _signed_in(session: Session) -> Event:
    return Event(
        event=EventName.SIGN_IN,
        at=session.created_at,
        sub=session.sub,
        username=session.username,
        client_id=session.client_id,
        session_id=session.session_id,
    )
