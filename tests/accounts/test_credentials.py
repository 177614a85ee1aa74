"""Username and password against the record: alike for every reason, throttled before any hash."""

from dataclasses import dataclass, field, replace

import pytest

from chalicelib.accounts.credentials import Credentials
from chalicelib.accounts.password import MAX_LENGTH, Passwords, Profile
from chalicelib.accounts.throttle import Attempts, Counter, Limit, Limits
from chalicelib.errors import InvalidCredentialsError, TooManyRequestsError
from chalicelib.model import Device, User
from chalicelib.telemetry.events import EventName
from tests.support.recorder import Recorder

RIGHT = "a quiet sentence"
NOW = 1_800_000_000
DEVICE = Device("192.0.2.7", "curl/8.5.0")
LIMITS = Limits(pair=Limit(10, 300), address=Limit(300, 300), username=Limit(3, 3600), hashing=Limit(300, 300))
CHEAP = Passwords(Profile(iterations=1, lanes=1, memory_cost=8), bytes)
USER = User("usr_1", "zoe", None, CHEAP.hash(RIGHT), frozenset())


class CountingPasswords(Passwords):
    """Counts what is verified."""

    verified = 0

    def verify(self, password: str, password_hash: str | None) -> bool:
        self.verified += 1
        return super().verify(password, password_hash)


@dataclass
class World:
    """One user, counters in memory, and what was recorded."""

    user: User = USER
    attempts: Attempts = field(default_factory=Attempts)
    failures: int = 0
    recorder: Recorder = field(default_factory=Recorder)
    passwords: CountingPasswords = field(
        default_factory=lambda: CountingPasswords(Profile(iterations=1, lanes=1, memory_cost=8), bytes)
    )

    def look_up(self, username: str, address: str, now: int) -> tuple[User | None, Attempts]:
        assert (address, now) == (DEVICE.address, NOW)
        return self.user if username == self.user.username else None, self.attempts

    def record_failure(self, username: str, device: Device, now: int) -> int:
        assert username
        assert (device, now) == (DEVICE, NOW)
        self.failures += 1
        return self.failures

    def check(self, username: str = "zoe", password: str = RIGHT) -> User:
        return Credentials(self, self.passwords, LIMITS, self.recorder).check(username, password, DEVICE, NOW)

    def refuses(self, username: str = "zoe", password: str = RIGHT) -> str:
        """The sentence of the refusal."""
        with pytest.raises(InvalidCredentialsError) as refused:
            self.check(username, password)
        return refused.value.description


def test_name_and_password_that_belong_together() -> None:
    world = World()
    assert world.check() == USER
    assert (world.failures, world.recorder.events) == (0, [])


def test_every_refusal_is_one_sentence_one_verification_and_one_failure() -> None:
    disabled = replace(USER, disabled=True)
    tried = [(World(), "zoe", "wrong"), (World(), "nobody", "wrong"), (World(disabled), "zoe", RIGHT)]
    assert {world.refuses(username, password) for world, username, password in tried} == {"Invalid credentials."}
    assert [(world.passwords.verified, world.failures) for world, *_ in tried] == [(1, 1)] * 3
    reasons = [world.recorder.named(EventName.SIGN_IN_REFUSED)[0].reason for world, *_ in tried]
    assert reasons == ["credentials", "credentials", "disabled"]


def test_a_name_that_nobody_has_is_not_recorded() -> None:
    world = World()
    world.refuses("my password")
    (event,) = world.recorder.events
    assert (event.sub, event.username) == (None, None)


@pytest.mark.parametrize("username", ["zoe", "nobody"])
def test_a_full_counter_refuses_before_any_hash(username: str) -> None:
    world = World(attempts=Attempts(pair=Counter(10, NOW + 120)))
    with pytest.raises(TooManyRequestsError) as refused:
        world.check(username)
    assert (refused.value.retry_after, world.passwords.verified, world.failures) == (120, 0, 0)
    assert [event.event for event in world.recorder.events] == [EventName.SIGN_IN_THROTTLED]


@pytest.mark.parametrize(("username", "password"), [("", "x"), ("a:b", "x"), ("zoe", "x" * (MAX_LENGTH + 1))])
def test_what_no_account_can_have_costs_nothing(username: str, password: str) -> None:
    world = World()
    assert world.refuses(username, password) == "Invalid credentials."
    assert (world.passwords.verified, world.failures) == (0, 0)


def test_failures_that_pile_up_are_said_once() -> None:
    world = World()
    for _ in range(5):
        world.refuses(password="wrong")
    (event,) = world.recorder.named(EventName.SIGN_IN_FAILURES_PILED_UP)
    assert (event.failures, event.username) == (3, "zoe")
