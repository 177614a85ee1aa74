"""POST /logout?sessions=all|others: one write that every later refresh obeys, and that no race undoes."""

from collections.abc import Callable

import pytest

from chalicelib.accounts.sessions import EpochChangedError
from chalicelib.model import EpochChange, User
from chalicelib.services import Services, install
from chalicelib.stores.users import UserStore
from tests.conftest import new_user
from tests.support.aws_calls import failing, met
from tests.support.callers import SignedIn, serve, sign_in
from tests.support.client import Client, Clock, Reply

INVALID_TOKEN = 'Bearer realm="gatehouse", error="invalid_token"'


def assert_ended(reply: Reply) -> None:
    assert reply.problem() == (401, "The access token is invalid or expired.")
    assert reply.headers["www-authenticate"] == INVALID_TOKEN


# --- All, and all others


def test_all_ends_every_session_of_the_user(client: Client, services: Services, user: User) -> None:
    sessions = [sign_in(client, user) for _ in range(3)]
    somebodys = sign_in(client, new_user(services))
    reply = sessions[0].post("/logout?sessions=all")
    assert (reply.status, reply.body) == (204, b"")
    assert [session.lives() for session in sessions] == [False, False, False]
    assert somebodys.lives()


def test_all_clears_the_cookie(client: Client, user: User) -> None:
    cookie = sign_in(client, user).post("/logout?sessions=all").cookie
    assert (cookie.key, cookie.value, cookie["max-age"]) == ("__Host-gatehouse-refresh", "", "0")


def test_others_ends_all_but_this_and_leaves_its_cookie(client: Client, services: Services, user: User) -> None:
    sessions = [sign_in(client, user) for _ in range(3)]
    somebodys = sign_in(client, new_user(services))
    reply = sessions[1].post("/logout?sessions=others")
    assert (reply.status, reply.body) == (204, b"")
    assert "set-cookie" not in reply.headers
    assert [session.lives() for session in sessions] == [False, True, False]
    assert somebodys.lives()


@pytest.mark.parametrize("which", ["", "ALL", "all,others", "others%00"])
def test_anything_else_is_400_and_ends_nothing(
    client: Client, user: User, which: str, contents: Callable[[], list[str]]
) -> None:
    session = sign_in(client, user)
    before = contents()
    reply = session.post(f"/logout?sessions={which}")
    assert reply.problem() == (400, "The parameter sessions must be all or others.")
    assert "set-cookie" not in reply.headers
    assert contents() == before


def test_sign_in_end_all_and_sign_in_again_works_within_one_second(client: Client, user: User) -> None:
    for _ in range(2):
        session = sign_in(client, user)
        assert session.lives()
        assert session.post("/logout?sessions=all").status == 204
        assert not session.lives()
    assert sign_in(client, user).lives()


def test_the_kept_session_goes_on_through_every_later_end_of_the_others(client: Client, user: User) -> None:
    kept = sign_in(client, user)
    for _ in range(2):
        other = sign_in(client, user)
        assert kept.post("/logout?sessions=others").status == 204
        assert (kept.lives(), other.lives()) == (True, False)


def test_all_ends_a_session_that_was_kept_before(client: Client, user: User) -> None:
    kept = sign_in(client, user)
    kept.post("/logout?sessions=others")
    sign_in(client, user).post("/logout?sessions=all")
    assert not kept.lives()


def test_the_kept_session_may_be_ended_by_a_later_one(client: Client, user: User) -> None:
    kept = sign_in(client, user)
    kept.post("/logout?sessions=others")
    later = sign_in(client, user)
    later.post("/logout?sessions=others")
    assert (kept.lives(), later.lives()) == (False, True)


def test_an_end_that_cannot_be_told_to_the_feed_is_no_end(
    client: Client, user: User, contents: Callable[[], list[str]]
) -> None:
    session = sign_in(client, user)
    before = contents()
    ways = ("/logout", "/logout?sessions=all", "/logout?sessions=others")
    with failing("TransactWriteItems"):
        replies = [session.post(way) for way in ways]
        replies.append(session.delete(f"/me/sessions/{session.session_id}"))
    assert {(reply.problem()[0], reply.headers["retry-after"]) for reply in replies} == {(503, "1")}
    assert contents() == before
    assert session.lives()


# --- At the same time


def test_two_that_end_all_at_once_both_have_their_way(client: Client, user: User) -> None:
    one, other = sign_in(client, user), sign_in(client, user)
    replies: list[Reply] = []
    with met("TransactWriteItems", lambda: replies.append(other.post("/logout?sessions=all"))):
        replies.append(one.post("/logout?sessions=all"))
    assert [reply.status for reply in replies] == [204, 204]
    assert not one.lives()
    assert not other.lives()
    assert sign_in(client, user).lives()


def test_of_two_that_end_each_other_at_once_one_lives(client: Client, user: User) -> None:
    one, other = sign_in(client, user), sign_in(client, user)
    replies: list[Reply] = []
    with met("TransactWriteItems", lambda: replies.append(other.post("/logout?sessions=others"))):
        replies.append(one.post("/logout?sessions=others"))
    assert replies[0].status == 204
    assert_ended(replies[1])
    assert (one.lives(), other.lives()) == (False, True)


def test_a_sign_in_that_meets_an_end_of_all_is_ended_or_lives_but_never_half(client: Client, user: User) -> None:
    session = sign_in(client, user)
    with met("PutItem", lambda: session.post("/logout?sessions=all")):
        met_one = sign_in(client, user)
    assert not met_one.lives()


def test_kept_session_revived(client: Client, services: Services, user: User, clock: Clock) -> None:
    """An ended session's access token, where its end is not known yet, must not bring the session back."""
    ended, other = sign_in(client, user), sign_in(client, user)
    stale = serve(services)
    assert ended.get("/me").status == 200
    serve(services)
    assert other.post("/logout?sessions=others").status == 204
    install(stale)
    assert ended.get("/me").status == 200  # for the interval
    assert_ended(ended.post("/logout?sessions=others"))
    clock.advance(5)
    assert (ended.lives(), other.lives()) == (False, True)


def test_kept_session_revived_by_the_one_that_was_kept_before(
    client: Client, services: Services, user: User, clock: Clock
) -> None:
    ended = sign_in(client, user)
    assert ended.post("/logout?sessions=others").status == 204
    tokens = ended.refresh().json
    ended = SignedIn(client, tokens["access_token"], tokens["refresh_token"])
    other = sign_in(client, user)
    stale = serve(services)
    assert ended.get("/me").status == 200
    serve(services)
    assert other.post("/logout?sessions=others").status == 204
    install(stale)
    assert_ended(ended.post("/logout?sessions=others"))
    clock.advance(5)
    assert (ended.lives(), other.lives()) == (False, True)


def test_a_repeated_parameter_is_refused_and_ends_nothing(client: Client, user: User) -> None:
    signed_in = sign_in(client, user)
    assert signed_in.post("/logout?sessions=others&sessions=all").problem()[0] == 400
    assert signed_in.lives()


# --- Changes that keep meeting


@pytest.mark.parametrize("which", ["all", "others"])
def test_what_keeps_losing_to_other_changes_gives_up_with_503_and_ends_nothing(
    client: Client, user: User, monkeypatch: pytest.MonkeyPatch, contents: Callable[[], list[str]], which: str
) -> None:
    sessions = [sign_in(client, user) for _ in range(2)]
    before, tries = contents(), []

    def lost(_store: UserStore, _user: User, change: EpochChange, _hash: str | None = None) -> None:
        tries.append(change.epoch)
        raise EpochChangedError

    monkeypatch.setattr(UserStore, "advance_epoch", lost)
    reply = sessions[0].post(f"/logout?sessions={which}")
    assert reply.problem()[0] == 503
    assert int(reply.headers["retry-after"]) >= 1
    assert 1 < len(tries) < 100
    assert contents() == before
    assert [session.lives() for session in sessions] == [True, True]
