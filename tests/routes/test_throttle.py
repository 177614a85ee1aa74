"""Failed sign-ins are counted and, past a limit, refused: the same for every name. Nobody can be locked out."""

from collections.abc import Callable
from dataclasses import replace
from itertools import count

import pytest

from chalicelib.accounts.password import Passwords
from chalicelib.model import User
from chalicelib.services import Services, install
from chalicelib.stores import sign_ins
from chalicelib.telemetry.events import Event, EventName
from infra.emulated.aws_calls import Call, operations
from tests.conftest import connect, disable, new_user
from tests.support.aws_calls import failing, met, recorded
from tests.support.callers import at, serve, sign_in
from tests.support.client import Client, Clock, Reply, basic
from tests.support.recorder import Recorder

WRONG = "wrong password"
INVALID = (401, "Invalid credentials.")
TOO_MANY = (429, "Too many failed attempts. Please try again later.")


def fail(client: Client, username: str, times: int) -> None:
    for _ in range(times):
        assert client.sign_in(username, WRONG).problem() == INVALID


def assert_throttled(reply: Reply, retry_after: int) -> None:
    assert reply.problem() == TOO_MANY
    assert reply.headers["retry-after"] == str(retry_after)
    assert reply.headers["cache-control"] == "no-store"
    assert "www-authenticate" not in reply.headers


@pytest.fixture
def attempts(services: Services) -> Callable[[], str]:
    """Reads the whole table of failures."""

    def read() -> str:
        return repr(connect("dynamodb").scan(TableName=services.settings.attempts_table)["Items"])

    return read


@pytest.fixture
def strict(services: Services) -> Services:
    """A services with limits that are soon reached: 3 for a username from an address, 5 for an address."""
    return serve(services, sign_in_failures=3, sign_in_failures_of_address=5)


# --- One username from one address


def test_after_ten_failures_the_right_password_is_refused_too(client: Client, user: User) -> None:
    fail(client, user.username, 10)
    assert_throttled(client.sign_in(user.username), 300)


def test_after_nine_it_is_taken(client: Client, user: User) -> None:
    fail(client, user.username, 9)
    assert client.sign_in(user.username).status == 200


def test_another_address_is_not_refused(client: Client, strict: Services, user: User) -> None:
    fail(client, user.username, 3)
    assert at(client, "192.0.2.8").sign_in(user.username).status == 200


def test_another_username_is_not_refused(client: Client, strict: Services, user: User) -> None:
    fail(client, user.username, 3)
    assert client.sign_in(new_user(strict).username).status == 200


def test_another_spelling_is_the_same_username(client: Client, strict: Services, user: User) -> None:
    for spell in (str.upper, str.title, str.lower):
        fail(client, spell(user.username), 1)
    assert_throttled(client.sign_in(user.username), 300)


def test_a_client_cannot_choose_its_address(client: Client, strict: Services, user: User) -> None:
    fail(client, user.username, 3)
    headers = {"X-Forwarded-For": "203.0.113.9", "X-Real-IP": "203.0.113.9", "Forwarded": "for=203.0.113.9"}
    reply = client.form("/tokens", {**headers, **basic(user.username, "demo-password")})
    assert_throttled(reply, 300)


# --- One address


def test_an_address_that_fails_with_many_names_is_refused_for_every_name(
    client: Client, strict: Services, user: User
) -> None:
    for number in range(5):
        fail(client, f"nobody-{number}", 1)
    assert_throttled(client.sign_in(user.username), 300)
    assert_throttled(client.sign_in("nobody-at-all"), 300)
    assert at(client, "192.0.2.8").sign_in(user.username).status == 200


def test_the_limit_of_an_address_is_three_hundred(client: Client, services: Services, user: User) -> None:
    key = {"pk": {"S": "address:192.0.2.7"}}
    counter = {"failures": {"N": "299"}, "expires_at": {"N": str(services.now() + 60)}}
    connect("dynamodb").put_item(TableName=services.settings.attempts_table, Item={**key, **counter})
    assert client.sign_in(user.username).status == 200
    fail(client, user.username, 1)
    assert_throttled(client.sign_in(user.username), 60)


# --- One username from anywhere


@pytest.fixture
def watched(services: Services) -> Recorder:
    """What a services records that warns after four failures of a username."""
    recorder = Recorder()
    settings = services.settings._replace(sign_in_failures_of_username=4)
    install(replace(services, settings=settings, telemetry=recorder))
    return recorder


def piled_up(watched: Recorder) -> list[Event]:
    return watched.named(EventName.SIGN_IN_FAILURES_PILED_UP)


def fail_from_anywhere(client: Client, username: str, times: int) -> None:
    numbers = count(1)
    for _ in range(times):
        fail(at(client, f"198.51.100.{next(numbers)}"), username, 1)


def test_a_username_at_its_limit_raises_one_event_and_refuses_nobody(
    client: Client, user: User, watched: Recorder
) -> None:
    fail_from_anywhere(client, user.username, 3)
    assert piled_up(watched) == []
    fail_from_anywhere(client, user.username, 5)
    (event,) = piled_up(watched)
    assert (event.username, event.sub, event.failures) == (user.username, user.sub, 4)
    assert client.sign_in(user.username).status == 200


def test_an_unknown_username_raises_it_too(client: Client, watched: Recorder) -> None:
    fail_from_anywhere(client, "nobody", 4)
    (event,) = piled_up(watched)
    assert event.username is None, "somebody may have typed a password there"


def test_the_event_is_raised_again_in_another_hour(
    client: Client, user: User, watched: Recorder, clock: Clock
) -> None:
    fail_from_anywhere(client, user.username, 4)
    clock.advance(3_599)
    fail_from_anywhere(client, user.username, 4)
    assert len(piled_up(watched)) == 1
    clock.advance(1)
    fail_from_anywhere(client, user.username, 4)
    assert len(piled_up(watched)) == 2


# --- The window


def test_the_window_begins_with_the_first_failure(
    client: Client, strict: Services, user: User, clock: Clock
) -> None:
    fail(client, user.username, 1)
    clock.advance(100)
    fail(client, user.username, 2)
    assert_throttled(client.sign_in(user.username), 200)
    clock.advance(199)
    assert_throttled(client.sign_in(user.username), 1)
    clock.advance(1)
    assert client.sign_in(user.username).status == 200


def test_refused_attempts_do_not_prolong_it(
    client: Client, strict: Services, user: User, clock: Clock, attempts: Callable[[], str]
) -> None:
    fail(client, user.username, 3)
    before = attempts()
    for _ in range(5):
        clock.advance(50)
        assert_throttled(client.sign_in(user.username, WRONG), 300 - (clock.now - 1_800_000_000))
    assert attempts() == before


def test_after_the_window_counting_starts_anew(client: Client, strict: Services, user: User, clock: Clock) -> None:
    for _ in range(2):
        fail(client, user.username, 3)
        assert_throttled(client.sign_in(user.username), 300)
        clock.advance(300)
    fail(client, user.username, 2)
    assert client.sign_in(user.username).status == 200


# --- Successes


def test_a_success_does_not_forgive(client: Client, strict: Services, user: User) -> None:
    fail(client, user.username, 2)
    assert client.sign_in(user.username).status == 200
    fail(client, user.username, 1)
    assert_throttled(client.sign_in(user.username), 300)


def test_successes_neither_count_nor_write(
    client: Client, strict: Services, user: User, attempts: Callable[[], str]
) -> None:
    fail(client, user.username, 1)
    before = attempts()
    for _ in range(5):
        assert client.sign_in(user.username).status == 200
    assert attempts() == before


def test_what_cannot_be_an_accounts_is_refused_without_any_call(client: Client, user: User) -> None:
    client.sign_in(user.username)  # now the container is warm
    with recorded() as calls:
        for name, password in [(user.username, "x" * 257), ("a\u0000b", WRONG), ("", WRONG), ("x" * 65, WRONG)]:
            assert client.sign_in(name, password).problem() == INVALID
    assert calls == []


# --- A running session


def test_a_running_session_is_never_touched(client: Client, strict: Services, user: User, admin: User) -> None:
    session, others = sign_in(client, user), sign_in(client, admin)
    fail(client, user.username, 3)
    fail(client, "nobody", 2)
    assert_throttled(client.sign_in(user.username), 300)
    assert_throttled(client.sign_in(admin.username), 300)
    for running in (session, others):
        assert running.refresh().status == 200
        for target in ("/me", "/me/sessions", "/comments"):
            assert running.get(target).status == 200


# --- What an attacker learns


@pytest.fixture
def verified(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """The outcome of each verification of a password against a hash."""
    outcomes: list[bool] = []
    verify = Passwords.verify

    def spy(self: Passwords, password: str, password_hash: str | None) -> bool:
        outcomes.append(verify(self, password, password_hash))
        return outcomes[-1]

    monkeypatch.setattr(Passwords, "verify", spy)
    return outcomes


def test_a_refused_attempt_costs_no_hashing(
    client: Client, strict: Services, user: User, verified: list[bool]
) -> None:
    fail(client, user.username, 3)
    assert verified == [False] * 3
    assert client.sign_in(user.username).status == 429
    assert client.sign_in(user.username, WRONG).status == 429
    assert len(verified) == 3


def shape(calls: list[Call]) -> list[tuple[str, list[str]]]:
    """Operations and tables, in order."""
    return [
        (call.operation, list(call.parameters.get("RequestItems", [call.parameters.get("TableName")])))
        for call in calls
    ]


def test_unknown_and_disabled_users_cannot_be_told_from_a_wrong_password(
    client: Client, strict: Services, user: User, verified: list[bool]
) -> None:
    disabled = new_user(strict)
    disable(strict, disabled)
    client.sign_in(user.username)  # now the container is warm
    tried = [(user.username, WRONG), ("nobody", WRONG), (disabled.username, "demo-password")]
    transcripts = []
    for number, (name, password) in enumerate(tried):
        visitor = at(client, f"198.51.100.{number}")
        verified.clear()
        with recorded() as calls:
            replies = [visitor.sign_in(name, password) for _ in range(5)]
        told = [(reply.status, {**reply.headers}, reply.body) for reply in replies]
        transcripts.append((told, shape(calls), len(verified)))
    assert [status for status, _, _ in transcripts[0][0]] == [401, 401, 401, 429, 429]
    assert transcripts[0] == transcripts[1] == transcripts[2]


def test_of_what_was_typed_as_a_username_only_a_hash_is_kept(
    client: Client, user: User, attempts: Callable[[], str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO"):
        fail(client, "My-Secret-Passphrase", 2)
        fail(client, user.username, 1)
    kept = attempts().lower()
    assert "'n': '2'" in kept
    for text in ("my-secret-passphrase", user.username, WRONG):
        assert text not in kept
        assert text not in caplog.text.lower()


def test_every_counter_cleans_itself_after_its_window(client: Client, services: Services, user: User) -> None:
    fail(client, user.username, 1)
    items = connect("dynamodb").scan(TableName=services.settings.attempts_table)["Items"]
    assert sorted(int(item["expires_at"]["N"]) - services.now() for item in items) == [300, 300, 3_600]


# --- When the counters are away


@pytest.mark.parametrize("operation", ["BatchGetItem", "UpdateItem"])
def test_a_wrong_password_that_cannot_be_counted_is_503(client: Client, user: User, operation: str) -> None:
    client.sign_in(user.username)
    with failing(operation):
        reply = client.sign_in(user.username, WRONG)
    assert reply.problem()[0] == 503
    assert reply.headers["retry-after"] == "1"


def test_a_guess_whose_failure_could_not_be_counted_tells_nothing_twice(
    client: Client, services: Services, user: User, verified: list[bool]
) -> None:
    """Wrong would be 503 and right 200, guess after guess."""
    bystander = new_user(services)
    client.sign_in(user.username)
    verified.clear()
    with failing("UpdateItem"):
        answers = [client.sign_in(user.username, password) for password in (WRONG, WRONG, "demo-password")]
        assert [answer.status for answer in answers] == [503, 503, 503]
        assert len({answer.body for answer in answers}) == 1
        assert verified == [False], "one guess, and no other is even tried"
        assert at(client, "192.0.2.8").sign_in(user.username).status == 503, "the name owes as well"
        assert at(client, "192.0.2.8").sign_in(bystander.username).status == 200


def test_what_is_owed_is_counted_as_soon_as_it_can_be(client: Client, strict: Services, user: User) -> None:
    with failing("UpdateItem"):
        assert client.sign_in(user.username, WRONG).status == 503
    fail(client, user.username, 2)
    assert_throttled(client.sign_in(user.username), 300)


@pytest.mark.usefixtures("strict")
def test_a_right_sign_in_that_owes_nothing_writes_its_session_alone(client: Client, user: User) -> None:
    with failing("UpdateItem"):
        client.sign_in("somebody-else", WRONG)
    assert client.sign_in("somebody-else", WRONG).status == 401
    with recorded() as calls:
        assert client.sign_in(user.username).status == 200
    assert operations(calls) == ["BatchGetItem", "GetItem", "PutItem"]


def test_what_is_owed_may_be_counted_by_many_at_once(client: Client, strict: Services, user: User) -> None:
    with failing("UpdateItem"):
        assert client.sign_in(user.username, WRONG).status == 503
    store = strict.credentials.sign_ins
    # Another request of this process pays while this one is about to.
    with met("UpdateItem", lambda: store.look_up(user.username, "192.0.2.7", strict.now())):
        assert client.sign_in(user.username).status in {200, 429}


def test_where_very_many_are_owed_everybody_waits_for_the_table(
    client: Client, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sign_ins, "_MOST_OWED", 6)
    visitors = [at(client, f"198.51.100.{number}") for number in range(3)]
    with failing("UpdateItem"):
        assert [visitor.sign_in(f"nobody-{at}", WRONG).status for at, visitor in enumerate(visitors)] == [503] * 3
        assert client.sign_in(user.username).status == 503
    assert client.sign_in(user.username).status == 200


def test_without_the_counters_nobody_signs_in(client: Client, user: User) -> None:
    client.sign_in(user.username)
    with recorded() as calls, failing("BatchGetItem"):
        assert client.sign_in(user.username).status == 503
    assert operations(calls) == ["BatchGetItem"]


# --- Networks


def test_all_addresses_of_one_ipv6_site_are_one(client: Client, strict: Services, user: User) -> None:
    for number in range(3):
        fail(at(client, f"2001:db8:1:2::{number}"), user.username, 1)
    assert_throttled(at(client, "2001:db8:1:2:ffff::1").sign_in(user.username), 300)
    assert at(client, "2001:db8:1:3::1").sign_in(user.username).status == 200


def test_one_ipv6_site_is_refused_for_every_name(client: Client, strict: Services, user: User) -> None:
    for number in range(5):
        fail(at(client, f"2001:db8:1:2:{number}::"), f"nobody-{number}", 1)
    assert_throttled(at(client, "2001:db8:1:2:ffff::1").sign_in(user.username), 300)


def test_an_ipv4_address_in_ipv6_is_the_same_address(client: Client, strict: Services, user: User) -> None:
    fail(at(client, "::ffff:192.0.2.8"), user.username, 2)
    fail(at(client, "192.0.2.8"), user.username, 1)
    assert_throttled(at(client, "::ffff:c000:208").sign_in(user.username), 300)
