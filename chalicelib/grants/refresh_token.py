"""The refresh token grant: one read of the user, then one conditional write, and nothing is lost.

A refresh presents generation g of a session that stands at n:

    g = n                          the write took: answer generation n+1
    g = n-1, within the grace      the answer got lost, or two tabs raced: answer generation n again
    g < n otherwise                somebody used an old token (RFC 9700 §4.14.2): the session ends

Whatever can fail is read first, so that an answer of 503 has spent nothing. The write's condition alone decides,
also between two refreshes at the same time, and a session that the user's epoch has ended is not moved by it.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from chalicelib.errors import InvalidGrantError
from chalicelib.grants.grant import Granted, TokenRequest, required
from chalicelib.model import Device, EndReason, Session, User
from chalicelib.scope import granted
from chalicelib.telemetry.events import Event, EventName, Events
from chalicelib.tokens import refresh_token
from chalicelib.tokens.claims import check_record
from chalicelib.tokens.refresh_token import MAX_GENERATION, HmacKeys, RefreshToken


@dataclass(frozen=True, slots=True)
class SessionRotation:
    """The write of one refresh: `token`'s generation becomes the next, and the idle lifetime starts anew. The
    session is of the user's `session_epoch`, or the one that was kept when that began."""

    token: RefreshToken
    client_id: str
    device: Device
    now: int
    expires_at: int
    session_epoch: int
    kept_session: str | None


class Users(Protocol):
    """What a refresh needs of the users. Raises `StoreUnavailableError`."""

    def by_sub(self, sub: str) -> User | None: ...


class Sessions(Protocol):
    """What a refresh needs of the sessions' table. Raises `StoreUnavailableError`."""

    def rotate(self, rotation: SessionRotation) -> tuple[bool, Session | None]:
        """Writes if the session is at the token's generation, with its secret and client, and is not over.

        Returns whether it took, and the session: as it is now, or as the condition found it.
        """


class Ends(Protocol):
    """How a session is ended. Raises `StoreUnavailableError`."""

    def close(self, sub: str, session_id: str, reason: EndReason, now: int) -> bool:
        """Ends the session, once. Whether this call did it."""


class NotRotated(Enum):
    """Why the write of a token did not take: what the token is."""

    REPLAY = "replay"
    REUSE = "reuse"
    REFUSED = "refused"


def why_not_rotated(
    token: RefreshToken, client_id: str, session: Session | None, now: int, grace: int
) -> NotRotated:
    """Why the write of `token` did not take on `session`; `grace` in seconds."""
    if session is None or session.secret_hash != token.secret_hash() or session.client_id != client_id:
        return NotRotated.REFUSED
    # The time to live deletes late, by days: what is over is over (design: expiry is checked in code).
    if session.ended_at is not None or now >= session.ends_at():
        return NotRotated.REFUSED
    if token.generation >= session.generation:
        return NotRotated.REFUSED
    if token.generation == session.generation - 1 and now <= session.rotated_at + grace:
        return NotRotated.REPLAY
    return NotRotated.REUSE


@dataclass(frozen=True, slots=True)
class RefreshTokenGrant:
    """Rotates a refresh token (RFC 6749 §6, RFC 9700 §4.14.2)."""

    users: Users
    sessions: Sessions
    ends: Ends
    keys: HmacKeys
    events: Events

    def __call__(self, request: TokenRequest) -> Granted:
        """Raises `InvalidGrantError` for every reason alike, `StoreUnavailableError`, and `UnfitTokenError`."""
        try:
            return self._rotated(request)
        except InvalidGrantError as error:
            self.events.record(Event(event=EventName.REFRESH_REFUSED, at=request.now, reason=error.detail))
            raise

    def _rotated(self, request: TokenRequest) -> Granted:
        presented = required(request.refresh_token, "refresh_token")
        token = refresh_token.read(presented, self.keys, request.now)
        user = self.users.by_sub(token.sub)
        if user is None or user.disabled:
            raise InvalidGrantError(detail="refresh: the user is gone or disabled")
        check_record(user.claims, user.scope)
        session = self._session(token, user, request)
        scope = granted(user.scope, session.asked_scope, request.scope)
        refreshed = _event(EventName.REFRESH, token, session, user, request.now)
        return Granted(user, session, scope, token.successor(), refreshed)

    def _session(self, token: RefreshToken, user: User, request: TokenRequest) -> Session:
        if token.generation >= MAX_GENERATION:
            raise InvalidGrantError(detail="refresh: no generation left")
        client, now = request.client, request.now
        rotation = SessionRotation(
            token=token,
            client_id=client.client_id,
            device=request.device,
            now=now,
            expires_at=now + client.idle_lifetime,
            session_epoch=user.session_epoch,
            kept_session=user.kept_session,
        )
        written, session = self.sessions.rotate(rotation)
        if session is not None and written:
            return session
        presented = why_not_rotated(token, client.client_id, session, now, client.refresh_grace)
        if session is None or presented is NotRotated.REFUSED or not session.lives_with(user):
            raise InvalidGrantError(detail="refresh: no such living session")
        if presented is NotRotated.REUSE:
            self._end(token, session, user, now)
            raise InvalidGrantError(detail="refresh: reuse")
        return session

    def _end(self, token: RefreshToken, session: Session, user: User, now: int) -> None:
        if self.ends.close(token.sub, token.session_id, EndReason.REUSE, now):
            self.events.record(_event(EventName.REFRESH_TOKEN_REUSED, token, session, user, now))


def _event(event: EventName, token: RefreshToken, session: Session, user: User, now: int) -> Event:
    return Event(
        event=event,
        at=now,
        sub=session.sub,
        username=user.username,
        client_id=session.client_id,
        session_id=session.session_id,
        generation=token.generation,
        current_generation=session.generation,
    )
