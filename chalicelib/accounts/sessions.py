"""Sessions as their user sees them: which there are, why one ended, and how to end one, the others or all."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Protocol

from chalicelib.clocks import CLOCK_SKEW
from chalicelib.errors import (
    ConflictError,
    InvalidTokenError,
    NotFoundError,
    StoreUnavailableError,
    TooManyRequestsError,
)
from chalicelib.model import EndReason, EpochChange, Session, User
from chalicelib.telemetry.events import Event, EventName, Events
from chalicelib.tokens.revocations import WINDOW, RevocationsFullError

PAGE_SIZE = 100

_TRIES = 5
# What one sign-in ends; where a limit was lowered by more, the next sign-ins go on.
_MOST_ENDED = 20


@dataclass(frozen=True, slots=True)
class Kept:
    """A session to spare, and the epoch that its access token carries."""

    session_id: str
    session_epoch: int | None


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """More than `living` sessions of one user at a time end the oldest; 0 is no limit. None lives longer than
    `lifetime` seconds."""

    living: int
    lifetime: int


class EpochChangedError(ConflictError):
    """The user's epoch, password or name changed since the user was read."""

    description = "The account is being changed elsewhere. Please try again."


class Users(Protocol):
    """What ending sessions needs of the users. Both raise `StoreUnavailableError`."""

    def by_sub(self, sub: str) -> User | None: ...

    def advance_epoch(self, user: User, change: EpochChange, password_hash: str | None = None) -> None:
        """Writes `change`, with a new password where one is given, and tells the revocation feed: all or nothing.
        The reason `DISABLED` disables the user.

        Raises `EpochChangedError` where the user is not as `user` says.
        """


class Store(Protocol):
    """What is needed of the sessions' table. All raise `StoreUnavailableError`."""

    def get(self, sub: str, session_id: str) -> Session | None: ...

    def newest(self, sub: str, after: str | None = None, since: int | None = None) -> Iterator[Session]:
        """Newest first, living or not: those before the id `after`, or that began at `since` or later."""

    def add(self, session: Session) -> None: ...

    def end(self, sub: str, session_id: str, reason: EndReason, now: int) -> bool:
        """Ends the session and tells the revocation feed: both or neither, once. Whether this call did it.

        Raises `RevocationsFullError`.
        """


class TokenRevocations(Protocol):
    """Where the end of a single token is written. Raises `RevocationsFullError`, `StoreUnavailableError`."""

    def end_token(self, client_id: str, jti: str, now: int) -> None: ...


@dataclass(frozen=True, slots=True)
class Sessions:
    """The sessions of one user at a time."""

    users: Users
    store: Store
    revocations: TokenRevocations
    events: Events
    limits: SessionLimits

    def page(self, sub: str, after: str | None, now: int) -> tuple[list[Session], str | None]:
        """Unexpired sessions, newest first, ended ones with their reason; and the cursor of the next page."""
        user = self._user(sub)
        unexpired = (session for session in self.store.newest(sub, after=after) if now < session.ends_at())
        found = list(islice(unexpired, PAGE_SIZE + 1))
        page = found[:PAGE_SIZE]
        shown = [with_first_end(session, user) for session in page]
        return shown, page[-1].session_id if len(found) > PAGE_SIZE else None

    def end(self, sub: str, session_id: str, reason: EndReason, now: int) -> None:
        """Ends one session of this user. Raises `NotFoundError`."""
        session = self.store.get(sub, session_id)
        if session is None or now >= session.ends_at():
            raise NotFoundError
        self.end_known(sub, session_id, reason, now)

    def end_known(self, sub: str, session_id: str, reason: EndReason, now: int) -> None:
        """Ends a session that a token has just proved to be there."""
        if self.close(sub, session_id, reason, now):
            self._record(EventName.SESSION_ENDED, sub, now, session_id=session_id, reason=reason.value)

    def close(self, sub: str, session_id: str, reason: EndReason, now: int) -> bool:
        """Ends a session for a caller who records the event. Whether this call did it.

        Whoever ends more within a window than an entry of the feed holds ends all by the epoch: a logout is never
        refused, and nobody can flood the feed.
        """
        try:
            return self.store.end(sub, session_id, reason, now)
        except RevocationsFullError:
            self.end_all(sub, reason, now)
            return True

    def end_token(self, sub: str, client_id: str, jti: str, now: int) -> None:
        """Ends the one access token `jti` of the client, which belongs to no session.

        Raises `TooManyRequestsError` past the bound of an entry of the feed.
        """
        try:
            self.revocations.end_token(client_id, jti, now)
        except RevocationsFullError:
            raise TooManyRequestsError(retry_after=WINDOW) from None
        self.events.record(Event(event=EventName.TOKEN_ENDED, at=now, sub=sub, jti=jti))

    def end_all(self, sub: str, reason: EndReason, now: int, kept: Kept | None = None) -> None:
        """Ends every session of the user but `kept`, by one write that every later refresh obeys. For the reason
        `DISABLED` the user cannot sign in either, until they are enabled; what has ended stays ended.

        Raises `InvalidTokenError` where `kept` has itself been ended, and where there is no such user.
        """
        for _ in range(_TRIES):
            user = self._user(sub)
            try:
                self.users.advance_epoch(user, next_epoch(user, reason, now, kept))
            except EpochChangedError:
                continue
            return self._record(EventName.SESSIONS_ENDED, sub, now, username=user.username, reason=reason.value)
        raise StoreUnavailableError(detail="the user's epoch keeps changing")

    def begin(self, session: Session, user: User, now: int) -> None:
        """Ends the oldest sessions of `user` that are too many beside a new one, and writes it.

        Raises `TooManyRequestsError` where these would be more than an entry of the feed holds.
        """
        # Not one transaction: of many sign-ins at the same moment each would refuse the others. What is ended
        # before the new one is written would be ended by the next try too.
        if self.limits.living:
            for oldest in self._too_many(user, now):
                self._end_over_limit(oldest, now)
        self.store.add(session)

    def _end_over_limit(self, session: Session, now: int) -> None:
        try:
            ended = self.store.end(session.sub, session.session_id, EndReason.SESSION_LIMIT, now)
        except RevocationsFullError:
            raise TooManyRequestsError(retry_after=WINDOW) from None
        if ended:
            reason = EndReason.SESSION_LIMIT.value
            self._record(EventName.SESSION_ENDED, session.sub, now, session_id=session.session_id, reason=reason)

    def _too_many(self, user: User, now: int) -> list[Session]:
        """The living sessions that are too many beside a new one; nothing older than a session can live is
        read."""
        living = (
            session
            for session in self.store.newest(user.sub, since=now - self.limits.lifetime - CLOCK_SKEW)
            if session.ended_at is None and now < session.ends_at() and session.lives_with(user)
        )
        kept = self.limits.living - 1
        return list(islice(living, kept, kept + _MOST_ENDED))

    def _record(self, event: EventName, sub: str, now: int, **fields: str) -> None:
        self.events.record(replace(Event(event=event, at=now, sub=sub), **fields))  # type: ignore[arg-type]

    def _user(self, sub: str) -> User:
        user = self.users.by_sub(sub)
        if user is None:
            raise InvalidTokenError(detail="the user is gone")
        return user


def next_epoch(user: User, reason: EndReason, now: int, kept: Kept | None) -> EpochChange:
    """The change that ends every session of `user` but `kept`. Raises `InvalidTokenError`.

    Keeping a session that an earlier change ended would bring it back: its token must be of the user's epoch, or
    it must be the one kept then.
    """
    if kept and kept.session_epoch != user.session_epoch and kept.session_id != user.kept_session:
        raise InvalidTokenError(detail="the session to keep has ended")
    return EpochChange(user.session_epoch + 1, now, reason, kept.session_id if kept else None)


def with_first_end(session: Session, user: User) -> Session:
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
