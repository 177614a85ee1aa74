"""Username and password held against the record, with throttling: the first phase of whatever asks for both."""

from dataclasses import dataclass, replace
from typing import Protocol

from chalicelib.accounts import throttle
from chalicelib.accounts import username as usernames
from chalicelib.accounts.password import Passwords, too_long
from chalicelib.accounts.throttle import Attempts, Limits
from chalicelib.errors import InvalidCredentialsError, InvalidRequestError, TooManyRequestsError
from chalicelib.model import Device, User
from chalicelib.telemetry.events import Event, EventName, Events


class SignIns(Protocol):
    """What is asked of the stores. Both raise `StoreUnavailableError`."""

    def look_up(self, username: str, address: str, now: int) -> tuple[User | None, Attempts]: ...

    def record_failure(self, username: str, device: Device, now: int) -> int: ...


@dataclass(frozen=True, slots=True)
class Credentials:
    """Checks credentials; the only place that does."""

    sign_ins: SignIns
    passwords: Passwords
    limits: Limits
    events: Events

    def check(self, username: str, password: str, device: Device, now: int) -> User:
        """The user whose name and password these are, from an address that has not failed too often.

        Raises `InvalidCredentialsError` for every reason alike, `TooManyRequestsError` before any hashing and
        the same for names that nobody has, and `StoreUnavailableError`.
        """
        name = _well_formed(username, password)
        user, attempts = self.sign_ins.look_up(name, device.address, now)
        try:
            throttle.check(attempts, self.limits, now)
        except TooManyRequestsError:
            self.events.record(_event(EventName.SIGN_IN_THROTTLED, user, now))
            raise
        # An unknown user costs one verification too, and a disabled one gets the same answer.
        right = self.passwords.verify(password, user.password_hash if user else None)
        if user is None or not right or user.disabled:
            self._failed(name, user, "disabled" if right else "credentials", device, now)
            raise InvalidCredentialsError
        return user

    def _failed(self, username: str, user: User | None, reason: str, device: Device, now: int) -> None:
        failures = self.sign_ins.record_failure(username, device, now)
        self.events.record(replace(_event(EventName.SIGN_IN_REFUSED, user, now), reason=reason))
        if failures == self.limits.username.count:
            piled_up = _event(EventName.SIGN_IN_FAILURES_PILED_UP, user, now)
            self.events.record(replace(piled_up, failures=failures))


def _event(event: EventName, user: User | None, now: int) -> Event:
    # Never the name as it was typed.
    return Event(event=event, at=now, sub=user.sub if user else None, username=user.username if user else None)


def _well_formed(username: str, password: str) -> str:
    # What no account can have is refused before any work; it says nothing about which accounts exist.
    if too_long(password):
        raise InvalidCredentialsError(detail="password longer than any account's")
    try:
        return usernames.normalize(username)
    except InvalidRequestError:
        raise InvalidCredentialsError(detail="username that no account can have") from None
