"""Which security events the routes give rise to, with what they say."""

from dataclasses import replace

import pytest

from chalicelib.model import User
from chalicelib.services import Services, install
from chalicelib.telemetry.events import Event, EventName, Measure
from chalicelib.tokens import access_token
from chalicelib.tokens.access_token import AccessToken
from tests.conftest import disable
from tests.support.aws_calls import failing
from tests.support.callers import sign_in
from tests.support.client import Client, Clock, bearer
from tests.support.recorder import Recorder


@pytest.fixture
def seen(services: Services) -> Recorder:
    """What the services records."""
    recorder = Recorder()
    install(replace(services, telemetry=recorder))
    return recorder


def only(seen: Recorder) -> Event:
    """The one event since the last look."""
    (event,) = seen.events
    seen.events.clear()
    return event


def names(seen: Recorder) -> list[EventName]:
    return [event.event for event in seen.events]


def test_a_sign_in(client: Client, user: User, seen: Recorder, clock: Clock) -> None:
    session = sign_in(client, user)
    assert only(seen) == Event(
        event=EventName.SIGN_IN,
        at=clock.now,
        sub=user.sub,
        username=user.username,
        client_id="gatehouse",
        session_id=session.session_id,
    )


def test_a_wrong_password_names_the_account(client: Client, user: User, seen: Recorder) -> None:
    client.sign_in(user.username, "not the password")
    event = only(seen)
    assert (event.event, event.sub, event.username) == (EventName.SIGN_IN_REFUSED, user.sub, user.username)
    assert event.reason == "credentials"


def test_an_unknown_username_is_not_repeated(client: Client, seen: Recorder) -> None:
    client.sign_in("hunter2-typed-in-the-wrong-field")
    event = only(seen)
    assert (event.event, event.sub, event.username) == (EventName.SIGN_IN_REFUSED, None, None)


def test_a_disabled_user(client: Client, services: Services, user: User, seen: Recorder) -> None:
    disable(services, user)
    client.sign_in(user.username)
    assert only(seen).reason == "disabled"


def test_a_throttled_attempt(client: Client, user: User, seen: Recorder) -> None:
    for _ in range(10):
        client.sign_in(user.username, "not the password")
    seen.events.clear()
    assert client.sign_in(user.username).status == 429
    assert only(seen).event is EventName.SIGN_IN_THROTTLED


def test_a_refresh_and_its_replay(client: Client, user: User, seen: Recorder) -> None:
    session = sign_in(client, user)
    seen.events.clear()
    for _ in range(2):
        assert session.refresh().status == 200
        event = only(seen)
        assert event.event is EventName.REFRESH
        assert (event.sub, event.session_id) == (user.sub, session.session_id)
        assert (event.generation, event.current_generation) == (0, 1)


def test_a_forged_refresh_token(client: Client, seen: Recorder) -> None:
    assert client.refresh("gtr_" + "A" * 100).status == 401
    event = only(seen)
    assert event.event is EventName.REFRESH_REFUSED
    assert event.reason
    assert event.reason.startswith("refresh token: ")


def test_reuse_is_an_event_once(client: Client, user: User, seen: Recorder, clock: Clock) -> None:
    session = sign_in(client, user)
    session.refresh()
    clock.advance(61)
    seen.events.clear()
    session.refresh()
    session.refresh()
    assert names(seen) == [EventName.REFRESH_TOKEN_REUSED, EventName.REFRESH_REFUSED, EventName.REFRESH_REFUSED]


def test_logging_out(client: Client, user: User, seen: Recorder) -> None:
    session = sign_in(client, user)
    seen.events.clear()
    session.post("/logout")
    event = only(seen)
    assert (event.event, event.session_id, event.reason) == (EventName.SESSION_ENDED, session.session_id, "logout")
    assert event.sub == user.sub


@pytest.mark.parametrize("which", ["all", "others"])
def test_logging_out_of_many(client: Client, user: User, seen: Recorder, which: str) -> None:
    session = sign_in(client, user)
    seen.events.clear()
    session.post(f"/logout?sessions={which}")
    event = only(seen)
    assert (event.event, event.sub, event.reason) == (EventName.SESSIONS_ENDED, user.sub, f"logout_{which}")


def test_logging_out_a_token_without_a_session(client: Client, services: Services, seen: Recorder) -> None:
    content = AccessToken("service", "service", frozenset(), "tok_1", lifetime=900)
    token = access_token.issue(
        content,
        services.issuer({}),
        services.issuer({}),
        services.keys.signing_key(services.now()),
        services.now(),
    )
    assert client.send("POST", "/logout", bearer(token)).status == 204
    event = only(seen)
    assert (event.event, event.sub, event.jti) == (EventName.TOKEN_ENDED, "service", "tok_1")


def test_ending_another_session(client: Client, user: User, seen: Recorder) -> None:
    mine, other = sign_in(client, user), sign_in(client, user)
    seen.events.clear()
    mine.delete(f"/me/sessions/{other.session_id}")
    event = only(seen)
    assert (event.event, event.session_id, event.reason) == (EventName.SESSION_ENDED, other.session_id, "revoked")
    mine.delete(f"/me/sessions/{other.session_id}")
    assert seen.events == [], "it ended once"


def test_a_session_too_many(client: Client, services: Services, user: User, seen: Recorder) -> None:
    few = services.settings._replace(max_sessions=1)
    install(replace(services, settings=few, telemetry=seen))
    first = sign_in(client, user)
    seen.events.clear()
    sign_in(client, user)
    assert names(seen) == [EventName.SESSION_ENDED, EventName.SIGN_IN]
    assert (seen.events[0].session_id, seen.events[0].reason) == (first.session_id, "session_limit")


def test_a_new_account_and_a_new_password(client: Client, seen: Recorder) -> None:
    password, other = "a quiet sentence", "another quiet sentence"
    client.form("/users", None, username="zoe-events", email="zoe-events@example.com", password=password)
    made = only(seen)
    assert (made.event, made.username) == (EventName.USER_CREATED, "zoe-events")
    token = client.access_token("zoe-events", password=password)
    seen.events.clear()
    client.json("/me/password", {"current_password": password, "new_password": other}, bearer(token), "PUT")
    changed = only(seen)
    assert (changed.event, changed.sub) == (EventName.PASSWORD_CHANGED, made.sub)


def test_an_answer_of_503_is_measured(client: Client, user: User, seen: Recorder) -> None:
    with failing("BatchGetItem"):
        assert client.sign_in(user.username).status == 503
    assert (Measure.STORE_UNAVAILABLE, 1) in seen.measured


def test_other_answers_are_not(client: Client, user: User, seen: Recorder) -> None:
    client.sign_in(user.username)
    client.sign_in(user.username, "not the password")
    assert seen.measured == []


def test_a_feed_that_cannot_be_read_is_measured(client: Client, user: User, seen: Recorder, clock: Clock) -> None:
    session = sign_in(client, user)
    assert session.get("/me").status == 200
    clock.advance(20)
    with failing("Query"):
        assert session.get("/me").status == 200
    assert seen.measured == [(Measure.FEED_LAG, 20)]
