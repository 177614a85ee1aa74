"""A store is away for longer than the grace, and honest clients keep asking: nobody is ended.

And what happens to a user between the two calls of a refresh holds."""

from collections.abc import Callable

import pytest

from chalicelib.model import EndReason, User
from chalicelib.services import Services
from tests.conftest import connect, disable
from tests.support.aws_calls import away, met
from tests.support.callers import SignedIn, container, serve, sign_in
from tests.support.client import Client, Clock

PAUSE = 20  # seconds between two tries


@pytest.mark.parametrize("store", ["users", "sessions", "keys", "revocations", "kms"])
@pytest.mark.parametrize("new_containers", [False, True], ids=["a warm container", "new containers"])
def test_a_store_that_is_away_for_longer_than_the_grace_ends_nobody(
    client: Client, services: Services, user: User, clock: Clock, store: str, new_containers: bool
) -> None:
    sessions = [sign_in(client, user) for _ in range(2)]
    tokens = [session.refresh().json["refresh_token"] for session in sessions]
    table = getattr(services.settings, f"{store}_table", store)
    answers = []
    with away(table):
        for _ in range(2 * services.settings.refresh_grace // PAUSE):
            if new_containers:
                serve(container(services))
            replies = [client.refresh(token) for token in tokens]
            answers += [reply.status for reply in replies]
            # An answer that came is kept, as a client keeps it.
            tokens = [
                reply.json["refresh_token"] if reply.status == 200 else token
                for reply, token in zip(replies, tokens, strict=True)
            ]
            clock.advance(PAUSE)
    assert set(answers) <= {200, 503}
    assert 503 in answers or not new_containers
    serve(container(services))
    for token in tokens:
        reply = client.refresh(token)
        assert reply.status == 200
        assert client.get("/me", reply.json["access_token"]).status == 200


def test_the_tables_are_told_apart(client: Client, services: Services, user: User) -> None:
    session = sign_in(client, user)
    with away(services.settings.comments_table):
        assert session.get("/comments").status == 503
        assert session.refresh().status == 200
    with away(services.settings.users_table):
        assert session.get("/comments").status == 200


def log_out_everywhere(services: Services, user: User) -> None:
    services.sessions.end_all(user.sub, EndReason.LOGOUT_ALL, services.now())


@pytest.mark.parametrize("happens", [log_out_everywhere, disable])
def test_what_ends_between_the_read_and_the_write_of_a_refresh_has_ended(
    client: Client, services: Services, user: User, happens: Callable[[Services, User], None]
) -> None:
    session = sign_in(client, user)
    with met("UpdateItem", lambda: happens(services, user)):
        answer = session.refresh().json
    # It was answered, with tokens that carry the epoch that was read, and so have ended with the session.
    for held in (session, SignedIn(client, answer["access_token"], answer["refresh_token"])):
        assert not held.lives()


def test_a_user_deleted_between_the_two_refreshes_no_more(client: Client, services: Services, user: User) -> None:
    session = sign_in(client, user)

    def delete() -> None:
        connect("dynamodb").delete_item(
            TableName=services.settings.users_table, Key={"pk": {"S": f"sub:{user.sub}"}}
        )

    with met("UpdateItem", delete):
        reply = session.refresh()
    for token in (session.refresh_token, reply.json.get("refresh_token", "")):
        assert client.refresh(token).status == 401
