"""Sessions as their user sees them: which there are, why one ended, and how to end one, the others or all."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from chalicelib.errors import ConflictError, InvalidTokenError, NotFoundError, StoreUnavailableError
from chalicelib.model import EpochChange, Session, User
from chalicelib.telemetry.events import Event, EventName, Events

LOGOUT, LOGOUT_ALL, LOGOUT_OTHERS = "logout", "logout_all", "logout_others"
REVOKED, PASSWORD_CHANGED, SESSION_LIMIT = "revoked", "password_changed", "session_limit"

_TRIES = 5
# What one transaction can end; where a limit was lowered by more, the next sign-ins go on.
_MOST_ENDED = 49


@dataclass(frozen=True, slots=True)
class Kept:
    """A session to spare, and the epoch that its access token carries."""

    session_id: str
    session_epoch: int | None


class EpochChangedError(ConflictError):
    """The user's epoch or password changed since the user was read."""

    description = "The account is being changed elsewhere. Please try again."


class Users(Protocol):
    """What ending sessions needs of the users. Both raise `StoreUnavailableError`."""

    def by_username(self, username: str) -> User | None: ...

    def advance_epoch(self, user: User, change: EpochChange, password_hash: str | None = None) -> None:
        """Writes `change`, with a new password where one is given, and tells the revocation feed: all or nothing.

        Raises `EpochChangedError` where the user is not as `user` says.
        """


class Store(Protocol):
    """What is needed of the sessions' table. All raise `StoreUnavailableError`."""

    def get(self, sub: str, session_id: str) -> Session | None: ...

    def of_user(self, sub: str) -> list[Session]: ...

    def page(self, sub: str, after: str | None) -> tuple[list[Session], str | None]: ...

    def add(self, session: Session, instead_of: Sequence[str], reason: str, now: int) -> bool:
        """Writes a new session and ends those of the same user that it stands `instead_of`, by id, and tells the
        feed: all or nothing. Returns False, where one of those has ended already."""

    def end(self, sub: str, session_id: str, reason: str, now: int) -> bool:
        """Ends the session and tells the revocation feed: both or neither, once. Whether this call did it."""


class TokenRevocations(Protocol):
    """Where the end of a single token is written. Raises `StoreUnavailableError`."""

    def end_token(self, client_id: str, jti: str, now: int) -> None: ...


@dataclass(frozen=True, slots=True)
class Sessions:
    """The sessions of one user at a time. `max_sessions` of 0 is no limit."""

    users: Users
    store: Store
    revocations: TokenRevocations
    events: Events
    max_sessions: int = 0

    def page(self, username: str, after: str | None, now: int) -> tuple[list[Session], str | None]:
        """Sessions that their time has not run out on, ended ones with the reason; and where to go on."""
        user = self._user(username)
        sessions, last = self.store.page(user.sub, after)
        shown = [told(session, user) for session in sessions if now < session.ends_at()]
        return sorted(shown, key=lambda session: session.created_at, reverse=True), last

    def end(self, sub: str, session_id: str, reason: str, now: int) -> None:
        """Ends one session of this user. Raises `NotFoundError`."""
        session = self.store.get(sub, session_id)
        if session is None or now >= session.ends_at():
            raise NotFoundError
        self._end(sub, session_id, reason, now)

    def log_out(self, sub: str, session_id: str, now: int) -> None:
        """Ends the session that an access token just proved to be there."""
        self._end(sub, session_id, LOGOUT, now)

    def end_token(self, sub: str, client_id: str, jti: str, now: int) -> None:
        """Ends the one access token `jti` of the client, which belongs to no session."""
        self.revocations.end_token(client_id, jti, now)
        self.events.record(Event(event=EventName.TOKEN_ENDED, at=now, sub=sub, jti=jti))

    def end_all(self, username: str, reason: str, now: int, kept: Kept | None = None) -> None:
        """Ends every session of the user but `kept`, by one write that every later refresh obeys.

        Raises `InvalidTokenError` where `kept` has itself been ended.
        """
        for _ in range(_TRIES):
            user = self._user(username)
            try:
                self.users.advance_epoch(user, next_epoch(user, reason, now, kept))
            except EpochChangedError:
                continue
            return self._record(EventName.SESSIONS_ENDED, user.sub, now, username=username, reason=reason)
        raise StoreUnavailableError(detail="the user's epoch keeps changing")

    def begin(self, session: Session, user: User, now: int) -> None:
        """Writes a new session of `user`, and where that is one too many ends the oldest: all or nothing."""
        for _ in range(_TRIES):
            too_many = self._too_many(user, now)
            if self.store.add(session, [oldest.session_id for oldest in too_many], SESSION_LIMIT, now):
                break
        else:
            raise StoreUnavailableError(detail="the user's sessions keep changing")
        for ended in too_many:
            self._record(EventName.SESSION_ENDED, user.sub, now, session_id=ended.session_id, reason=SESSION_LIMIT)

    def _too_many(self, user: User, now: int) -> list[Session]:
        """The oldest sessions, as many as have to end for a new one."""
        if self.max_sessions == 0:
            return []
        living = [
            session
            for session in self.store.of_user(user.sub)
            if session.ended_at is None and now < session.ends_at() and session.lives_with(user)
        ]
        oldest_first = sorted(living, key=lambda session: (session.created_at, session.session_id))
        return oldest_first[: min(max(0, len(living) + 1 - self.max_sessions), _MOST_ENDED)]

    def _end(self, sub: str, session_id: str, reason: str, now: int) -> None:
        if self.store.end(sub, session_id, reason, now):
            self._record(EventName.SESSION_ENDED, sub, now, session_id=session_id, reason=reason)

    def _record(self, event: EventName, sub: str, now: int, **fields: str) -> None:
        self.events.record(replace(Event(event=event, at=now, sub=sub), **fields))  # type: ignore[arg-type]

    def _user(self, username: str) -> User:
        user = self.users.by_username(username)
        if user is None:
            raise InvalidTokenError(detail="the user is gone")
        return user


def next_epoch(user: User, reason: str, now: int, kept: Kept | None) -> EpochChange:
    """The change that ends every session of `user` but `kept`. Raises `InvalidTokenError`.

    Keeping a session that an earlier change ended would bring it back: its token must be of the user's epoch,
    or it must be the one kept then.
    """
    if kept and kept.session_epoch != user.session_epoch and kept.session_id != user.kept_session:
        raise InvalidTokenError(detail="the session to keep has ended")
    return EpochChange(user.session_epoch + 1, now, reason, kept.session_id if kept else None)


def told(session: Session, user: User) -> Session:
    """`session` with the first end that came to it: its own, or one by an epoch."""
    by_epoch = next(
        (
            change
            for change in user.epoch_changes
            if session.session_epoch < change.epoch and session.session_id != change.kept
        ),
        None,
    )
    if by_epoch is None or (session.ended_at is not None and session.ended_at < by_epoch.at):
        return session
    return replace(session, ended_at=by_epoch.at, reason=by_epoch.reason)
