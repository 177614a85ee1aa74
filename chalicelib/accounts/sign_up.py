"""Accounts: signing up, changing a password or a name, and enabling whom `Sessions.end_all` has disabled."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from chalicelib.accounts import email_address
from chalicelib.accounts import username as usernames
from chalicelib.accounts.confusables import skeletons
from chalicelib.accounts.credentials import Credentials
from chalicelib.accounts.password import Passwords, check_new_password
from chalicelib.accounts.sessions import EpochChangedError, Kept, next_epoch
from chalicelib.accounts.throttle import Requests, check_counted
from chalicelib.errors import InvalidCredentialsError, InvalidRequestError, InvalidTokenError, UsernameTakenError
from chalicelib.ids import new_id
from chalicelib.model import FIRST_PARTY, Device, EndReason, EpochChange, User
from chalicelib.scope import Scope
from chalicelib.telemetry.events import Event, EventName, Events

# Whoever had one of these would be taken for a client.
RESERVED_NAMES = frozenset({FIRST_PARTY, "demo-service", "demo-spa", "demo-web", "demo-cli"})


class Users(Protocol):
    """What accounts need of the users. All raise `StoreUnavailableError`."""

    def by_sub(self, sub: str) -> User | None: ...

    def add(self, user: User) -> None:
        """Claims username and email at once. Raises `UsernameTakenError`, `EmailTakenError`."""

    def rename(self, user: User, username: str) -> None:
        """Frees the old name and claims `username` at once. Raises `UsernameTakenError`, `EpochChangedError`."""

    def advance_epoch(self, user: User, change: EpochChange, password_hash: str | None = None) -> None:
        """As `sessions.Users` describes it."""

    def enable(self, user: User) -> None:
        """Lets the user sign in again; nothing else of them changes."""


@dataclass(frozen=True, slots=True)
class SignUp:
    """What somebody who wants an account sends, and from where."""

    username: str
    email: str
    password: str = field(repr=False)
    device: Device


@dataclass(frozen=True, slots=True)
class Accounts:
    """`default_scope` is what a new user may do."""

    users: Users
    credentials: Credentials
    passwords: Passwords
    events: Events
    random_bytes: Callable[[int], bytes]
    default_scope: Scope
    requests: Requests

    def sign_up(self, request: SignUp, now: int) -> User:
        """The new user.

        Raises `InvalidRequestError`, `UsernameTakenError`, `EmailTakenError`, and `TooManyRequestsError` before
        any hashing, so that nobody tries without limit which addresses have an account.
        """
        username = _free(request.username)
        email = email_address.normalize(request.email)
        check_new_password(request.password, username, email)
        counter = self.requests.count_sign_up(email, request.device.address, now)
        check_counted(counter, self.credentials.limits.pair, now)
        user = User(
            sub=new_id(self.random_bytes),
            username=username,
            email=email,
            password_hash=self.passwords.hash(request.password),
            scope=self.default_scope,
        )
        self.users.add(user)
        self._record(EventName.USER_CREATED, user, now)
        return user

    def change_password(self, request: "PasswordChange", now: int) -> None:
        """Sets a new password and ends every other session, in one write.

        Raises `InvalidRequestError` for a wrong current password and for a new one that is not taken,
        `TooManyRequestsError`, and `ConflictError` where two changes meet.
        """
        found = self.users.by_sub(request.sub)
        if found is None:
            raise InvalidTokenError(detail="the user is gone")
        try:
            user = self.credentials.check(found.username, request.current_password, request.device, now)
        except InvalidCredentialsError:
            # The access token was good; a 401 would tell the client to throw it away.
            raise InvalidRequestError("The current password is not right.") from None
        if user.sub != request.sub:  # the name has just become somebody else's
            raise EpochChangedError
        check_new_password(request.new_password, user.username, user.email or "")
        change = next_epoch(user, EndReason.PASSWORD_CHANGED, now, request.kept)
        self.users.advance_epoch(user, change, self.passwords.hash(request.new_password))
        self._record(EventName.PASSWORD_CHANGED, user, now)

    def rename(self, user: User, username: str) -> str:
        """Gives the user another name, which all that is theirs follows. Returns it as it is written.

        Raises `InvalidRequestError`, `UsernameTakenError`, and `EpochChangedError` where two changes meet.
        """
        name = _free(username)
        self.users.rename(user, name)
        return name

    def enable(self, user: User, now: int) -> None:
        """Lets a disabled user sign in again. No session and no token comes back."""
        if user.disabled:
            self.users.enable(user)
            self._record(EventName.USER_ENABLED, user, now)

    def _record(self, event: EventName, user: User, now: int) -> None:
        self.events.record(Event(event=event, at=now, sub=user.sub, username=user.username))


@dataclass(frozen=True, slots=True)
class PasswordChange:
    """Whose password (`sub`), what it is and is to be, and the session that goes on."""

    sub: str
    current_password: str = field(repr=False)
    new_password: str = field(repr=False)
    device: Device
    kept: Kept | None


def _free(text: str) -> str:
    """The username that `text` is.

    Raises `InvalidRequestError`, and `UsernameTakenError` for what looks like a program's name.
    """
    username = usernames.normalize(text)
    if any(skeletons(username) & skeletons(reserved) for reserved in RESERVED_NAMES):
        raise UsernameTakenError
    return username
