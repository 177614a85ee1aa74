"""A disabled user: everything of theirs ends at once, and enabling brings none of it back."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from chalicelib.accounts.sessions import EpochChangedError, next_epoch
from chalicelib.model import EndReason, User
from chalicelib.services import Services
from chalicelib.telemetry.events import EventName
from tests.conftest import disable
from tests.support.client import Client, bearer
from tests.support.recorder import Recorder


def test_disabling_stops_the_access_token_at_once(client: Client, services: Services, user: User) -> None:
    token = client.access_token(user.username)
    assert client.get("/me", token).status == 200
    disable(services, user)
    for answer in (client.get("/me", token), client.json("/comments", {"message": "a"}, bearer(token))):
        assert answer.status == 401
        assert 'error="invalid_token"' in answer.headers["www-authenticate"]


def test_a_disabled_user_neither_refreshes_nor_signs_in(
    client: Client, services: Services, user: User, contents: Callable[[], list[str]]
) -> None:
    token: str = client.sign_in(user.username).json["refresh_token"]
    disable(services, user)
    before = contents()
    assert client.refresh(token).status == 401
    assert client.sign_in(user.username).problem() == (401, "Invalid credentials.")
    assert contents() == before


def test_enabling_brings_back_no_session_and_no_token(client: Client, services: Services, user: User) -> None:
    before = client.sign_in(user.username).json
    disable(services, user)
    enable(services, user)
    assert client.refresh(before["refresh_token"]).status == 401
    assert client.get("/me", before["access_token"]).status == 401
    after = client.sign_in(user.username).json
    assert client.get("/me", after["access_token"]).status == 200
    assert client.refresh(after["refresh_token"]).status == 200


def test_the_list_says_why_it_ended(client: Client, services: Services, user: User) -> None:
    client.sign_in(user.username)
    disable(services, user)
    enable(services, user)
    listed = client.get("/me/sessions", client.access_token(user.username)).json["sessions"]
    assert [session.get("reason") for session in listed] == [None, "disabled"]


def test_a_sign_in_under_way_while_the_user_is_disabled_begins_nothing_that_lives(
    client: Client, services: Services, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The password was right, the session is written after the disabling."""
    begin = type(services.sessions).begin

    def late(self: object, *arguments: object) -> None:
        disable(services, user)
        begin(services.sessions, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(type(services.sessions), "begin", late)
    tokens = client.sign_in(user.username).json
    enable(services, user)
    assert client.get("/me", tokens["access_token"]).status == 401
    assert client.refresh(tokens["refresh_token"]).status == 401


def test_of_an_end_and_an_enabling_at_once_neither_undoes_the_other(services: Services, user: User) -> None:
    """Whoever read the user as disabled must not write that back after the enabling."""
    disable(services, user)
    read = services.users.by_sub(user.sub)
    assert read is not None
    enable(services, user)
    with pytest.raises(EpochChangedError):
        services.users.advance_epoch(read, next_epoch(read, EndReason.LOGOUT_ALL, services.now(), None))


def test_disabling_wins_against_all_that_goes_on(client: Client, services: Services, user: User) -> None:
    tokens = [client.sign_in(user.username).json["refresh_token"] for _ in range(8)]
    with ThreadPoolExecutor(len(tokens) + 1) as threads:
        disabled = threads.submit(disable, services, user)
        answers = list(threads.map(client.refresh, tokens))
        disabled.result()
    successors = [answer.json["refresh_token"] for answer in answers if answer.status == 200]
    assert {client.refresh(token).status for token in [*tokens, *successors]} == {401}


def test_both_are_recorded(services: Services, user: User) -> None:
    seen = Recorder()
    services = replace(services, telemetry=seen)
    disable(services, user)
    enable(services, user)
    enable(services, user)
    told = [(event.event, event.sub, event.reason) for event in seen.events]
    assert told == [
        (EventName.SESSIONS_ENDED, user.sub, "disabled"),
        (EventName.USER_ENABLED, user.sub, None),
    ]


def enable(services: Services, user: User) -> None:
    record = services.users.by_sub(user.sub)
    assert record is not None
    services.accounts.enable(record, services.now())
