"""A process dies at any of its calls, before AWS got it or before the answer came back: the client tries again
with the last token that it saw, and goes on. Nothing is ever half written.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from typing import Any

import pytest

from chalicelib.model import EndReason, Session
from chalicelib.services import Services, install
from chalicelib.tokens import refresh_token
from tests.conftest import connect, new_user
from tests.support.client import Client, Clock, bearer
from tests.support.revocations import entries

BEFORE_THE_CALL, AFTER_THE_ANSWER = "before-call", "after-call"  # botocore's names of the events

pytestmark = pytest.mark.parametrize("moment", [BEFORE_THE_CALL, AFTER_THE_ANSWER])


class Death(BaseException):
    """The process is gone: no code of ours runs any more."""


@dataclass
class Crash:
    """A process that dies at its call of this `number`, counted from 1."""

    services: Services
    moment: str
    number: int
    calls: list[str] = field(default_factory=list)
    survived: bool = False

    def during(self, trip: Callable[[], object]) -> None:
        """Makes `trip` in a new process. If it lives through that, its answer is lost all the same."""
        install(replace(self.services))
        try:
            with self._watching():
                trip()
        except Death:
            pass
        else:
            assert len(self.calls) < self.number, "somebody has swallowed Death"
            self.survived = True
        finally:
            install(replace(self.services))

    def wrote(self, operation: str) -> bool:
        """Whether AWS got such a call."""
        lost = not self.survived and self.moment == BEFORE_THE_CALL
        return operation in (self.calls[:-1] if lost else self.calls)

    @contextmanager
    def _watching(self) -> Iterator[None]:
        with ExitStack() as stack:
            for service in ("dynamodb", "kms"):
                events = connect(service).meta.events
                event = f"{self.moment}.{service}"
                events.register(event, self._step)
                stack.callback(events.unregister, event, self._step)
            yield

    def _step(self, model: Any, **_: object) -> None:
        self.calls.append(model.name)
        if len(self.calls) == self.number:
            raise Death


Crashes = Callable[..., Iterator[Crash]]


@pytest.fixture
def crashes(services: Services, moment: str) -> Crashes:
    """One process after another, each of which dies one call later, and last the one that does not.

    `at` names calls that the trip must have come to.
    """

    def one_after_another(*at: str) -> Iterator[Crash]:
        for number in count(1):
            crash = Crash(services, moment, number)
            yield crash
            if crash.survived:
                assert set(at) <= set(crash.calls)
                return

    return one_after_another


def sign_in(client: Client, services: Services) -> tuple[str, str]:
    """Access token and refresh token of a new user's session. The gate has its keys then."""
    tokens = client.sign_in(new_user(services).username).json
    assert client.get("/me", tokens["access_token"]).status == 200
    return tokens["access_token"], tokens["refresh_token"]


def refreshed(client: Client, token: str) -> str:
    reply = client.refresh(token)
    assert reply.status == 200
    successor: str = reply.json["refresh_token"]
    return successor


def session_of(services: Services, token: str) -> Session:
    read = refresh_token.read(token, services.keys, services.now())
    session = services.session_store.get(read.sub, read.session_id)
    assert session is not None
    return session


def is_told(services: Services, session: Session) -> bool:
    """Whether the revocation feed ends the session or all of its user."""
    ends = (entry for entry in entries(services, services.now(), services.now()) if entry.subject == session.sub)
    return any(entry.epoch or session.session_id in entry.ended for entry in ends)


def test_a_sign_up_is_written_whole_or_not_at_all(client: Client, services: Services, crashes: Crashes) -> None:
    for crash in crashes("TransactWriteItems"):
        name = f"newcomer-{crash.number}"
        account = {"username": name, "email": f"{name}@example.com", "password": "demo-password"}
        crash.during(partial(client.json, "/users", account))
        assert client.json("/users", account).status == (409 if crash.wrote("TransactWriteItems") else 201)
        assert client.sign_in(name).status == 200


def test_a_sign_in_leaves_a_whole_session_or_none(client: Client, services: Services, crashes: Crashes) -> None:
    for crash in crashes("PutItem"):
        user = new_user(services)
        crash.during(partial(client.sign_in, user.username))
        left = list(services.session_store.newest(user.sub))
        assert [session.generation for session in left] == [0] * crash.wrote("PutItem")
        refreshed(client, client.sign_in(user.username).json["refresh_token"])


def test_a_refresh_recovers(client: Client, services: Services, clock: Clock, crashes: Crashes) -> None:
    for crash in crashes("UpdateItem", "GetItem"):
        _, token = sign_in(client, services)
        crash.during(partial(client.refresh, token))
        assert session_of(services, token).generation == crash.wrote("UpdateItem")
        clock.advance(services.settings.refresh_grace)
        successor = refreshed(client, token)
        assert session_of(services, token).generation == 1
        refreshed(client, successor)


def test_a_replay_recovers(client: Client, services: Services, clock: Clock, crashes: Crashes) -> None:
    for crash in crashes("UpdateItem", "GetItem"):
        _, token = sign_in(client, services)
        successor = refreshed(client, token)
        crash.during(partial(client.refresh, token))
        clock.advance(services.settings.refresh_grace)
        assert refreshed(client, token) == successor
        assert session_of(services, token).generation == 1
        refreshed(client, successor)


def test_a_reuse_ends_the_session_at_the_latest_when_it_comes_again(
    client: Client, services: Services, crashes: Crashes
) -> None:
    for crash in crashes("UpdateItem", "TransactWriteItems"):
        _, oldest = sign_in(client, services)
        newest = refreshed(client, refreshed(client, oldest))
        crash.during(partial(client.refresh, oldest))
        session = session_of(services, oldest)
        assert (
            (session.reason == EndReason.REUSE) == is_told(services, session) == crash.wrote("TransactWriteItems")
        )
        assert client.refresh(oldest).status == 401
        session = session_of(services, oldest)
        assert (session.reason, session.ended_at, session.generation) == (EndReason.REUSE, services.now(), 2)
        assert is_told(services, session)
        assert client.refresh(newest).status == 401


@pytest.mark.parametrize("target", ["/logout", "/logout?sessions=all"])
def test_a_logout_ends_all_that_it_should_or_nothing(
    client: Client, services: Services, crashes: Crashes, target: str
) -> None:
    for crash in crashes("TransactWriteItems"):
        access_token, token = sign_in(client, services)
        crash.during(partial(client.send, "POST", target, bearer(access_token)))
        ended = crash.wrote("TransactWriteItems")
        assert is_told(services, session_of(services, token)) == ended
        assert client.refresh(token).status == (401 if ended else 200)
        assert client.send("POST", target, bearer(access_token)).status == (401 if ended else 204)
        assert client.refresh(token).status == 401
        assert is_told(services, session_of(services, token))
