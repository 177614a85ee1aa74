"""GET /me/sessions and DELETE /me/sessions/{session_id}: a user sees their sessions, and ends one."""

import secrets
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.ids import first_at
from chalicelib.model import User
from chalicelib.services import Services
from chalicelib.stores import sessions as store
from tests.conftest import new_user
from tests.support.callers import SignedIn, at, serve, sign_in
from tests.support.client import Client, Clock, Reply, bearer
from tests.support.endings import ENDINGS, by_a_late_reuse, by_deletion, by_logout_of_all, by_logout_of_others

DAY = 86_400
FIELDS = {
    "session_id",
    "current",
    "client_id",
    "user_agent",
    "address",
    "created_at",
    "last_used_at",
    "expires_at",
}
INVALID_TOKEN = 'Bearer realm="gatehouse", error="invalid_token"'


def listed(session: SignedIn) -> list[dict[str, Any]]:
    reply = session.get("/me/sessions")
    assert reply.status == 200
    assert set(reply.json) == {"sessions"}
    sessions: list[dict[str, Any]] = reply.json["sessions"]
    return sessions


def entry(of: SignedIn, by: SignedIn) -> dict[str, Any]:
    """What the list that `by` gets says of `of`."""
    (found,) = [each for each in listed(by) if each["session_id"] == of.session_id]
    return found


def assert_ended(reply: Reply) -> None:
    assert reply.problem() == (401, "The access token is invalid or expired.")
    assert reply.headers["www-authenticate"] == INVALID_TOKEN


# --- The list


def test_a_session_is_told_as_the_contract_says(client: Client, user: User) -> None:
    session = sign_in(at(client, "198.51.100.4"), user, "Lynx/2.8")
    assert listed(session) == [
        {
            "session_id": session.session_id,
            "current": True,
            "client_id": "gatehouse",
            "user_agent": "Lynx/2.8",
            "address": "198.51.100.4",
            "created_at": "2027-01-15T08:00:00Z",
            "last_used_at": "2027-01-15T08:00:00Z",
            "expires_at": "2027-01-29T08:00:00Z",
        }
    ]


def test_the_list_is_for_one_person_alone(client: Client, user: User) -> None:
    reply = sign_in(client, user).get("/me/sessions")
    assert reply.headers["content-type"] == "application/json"
    assert reply.headers["cache-control"] == "no-store"


def test_only_the_callers_own_session_is_current(client: Client, user: User) -> None:
    one, other = sign_in(client, user), sign_in(client, user)
    assert [(entry(one, by)["current"], entry(other, by)["current"]) for by in (one, other)] == [
        (True, False),
        (False, True),
    ]


def test_the_newest_come_first(client: Client, user: User, clock: Clock) -> None:
    sessions = []
    for _ in range(5):
        sessions.append(sign_in(client, user))
        clock.advance(1)
    newest_first = [session.session_id for session in reversed(sessions)]
    assert [each["session_id"] for each in listed(sessions[0])] == newest_first


def test_a_refresh_shows_when_and_from_where(client: Client, user: User, clock: Clock) -> None:
    session = sign_in(client, user, "Lynx/2.8")
    clock.advance(3_600)
    headers = {"Content-Type": "application/json", "User-Agent": "curl/8"}
    reply = at(client, "2001:db8::7").json("/tokens/refresh", {"refresh_token": session.refresh_token}, headers)
    told = entry(session, replace(session, access_token=reply.json["access_token"]))
    assert (told["user_agent"], told["address"]) == ("curl/8", "2001:db8::7")
    assert told["created_at"] == "2027-01-15T08:00:00Z"
    assert told["last_used_at"] == "2027-01-15T09:00:00Z"
    assert told["expires_at"] == "2027-01-29T09:00:00Z"


def test_no_session_is_said_to_outlive_its_absolute_lifetime(client: Client, user: User, clock: Clock) -> None:
    session = sign_in(client, user)
    for _ in range(8):
        clock.advance(11 * DAY)
        tokens = session.refresh().json
        session = SignedIn(client, tokens["access_token"], tokens["refresh_token"])
    assert entry(session, session)["expires_at"] == "2027-04-15T08:00:00Z"


def test_a_user_agent_is_kept_to_a_bound(client: Client, user: User) -> None:
    session = sign_in(client, user, "x" * 5_000)
    assert entry(session, session)["user_agent"] == "x" * 256


def test_a_client_cannot_choose_its_address(client: Client, user: User) -> None:
    headers = {"X-Forwarded-For": "203.0.113.9", "Forwarded": "for=203.0.113.9"}
    reply = client.json("/tokens/refresh", {"refresh_token": sign_in(client, user).refresh_token}, headers)
    session = SignedIn(client, reply.json["access_token"], reply.json["refresh_token"])
    assert entry(session, session)["address"] == "192.0.2.7"


def test_what_idled_away_is_no_longer_listed(client: Client, user: User, clock: Clock) -> None:
    idle = sign_in(client, user)
    clock.advance(14 * DAY - 1)
    session = sign_in(client, user)
    assert entry(idle, session)["expires_at"] == "2027-01-29T08:00:00Z"
    clock.advance(1)
    assert [each["session_id"] for each in listed(session)] == [session.session_id]


def test_another_users_sessions_are_not_shown(client: Client, services: Services, user: User) -> None:
    session, somebodys = sign_in(client, user), sign_in(client, new_user(services))
    assert [each["session_id"] for each in listed(session)] == [session.session_id]
    assert [each["session_id"] for each in listed(somebodys)] == [somebodys.session_id]


# --- Ended ones say why


@pytest.mark.parametrize(("reason", "end"), ENDINGS.items())
def test_an_ended_session_says_when_and_why(
    client: Client, user: User, clock: Clock, reason: str, end: Callable[[SignedIn, SignedIn], None]
) -> None:
    mine, other = sign_in(client, user), sign_in(client, user)
    clock.advance(60)
    end(mine, other)
    clock.advance(60)
    told = entry(mine, sign_in(client, user))
    assert set(told) == FIELDS | {"ended_at", "reason"}
    assert (told["reason"], told["ended_at"]) == (reason, "2027-01-15T08:01:00Z")
    assert mine.refresh().status == 401


def test_a_session_over_the_limit_ends_and_says_why(
    client: Client, services: Services, user: User, clock: Clock
) -> None:
    serve(services, max_sessions=2)
    sessions = []
    for _ in range(3):
        sessions.append(sign_in(client, user))
        clock.advance(60)
    told = entry(sessions[0], sessions[2])
    assert (told["reason"], told["ended_at"]) == ("session_limit", "2027-01-15T08:02:00Z")
    assert [session.lives() for session in sessions] == [False, True, True]


def test_a_limit_counts_living_sessions_alone(
    client: Client, services: Services, user: User, clock: Clock
) -> None:
    serve(services, max_sessions=2)
    kept = sign_in(client, user)
    clock.advance(1)
    sign_in(client, user).post("/logout")
    clock.advance(1)
    newest = sign_in(client, user)
    assert kept.lives()
    assert newest.lives()


def test_a_limit_that_is_lowered_ends_as_many_as_it_takes(
    client: Client, services: Services, user: User, clock: Clock
) -> None:
    sessions = []
    for _ in range(4):
        sessions.append(sign_in(client, user))
        clock.advance(1)
    serve(services, max_sessions=1)
    newest = sign_in(client, user)
    clock.advance(5)
    assert [session.lives() for session in (*sessions, newest)] == [False, False, False, False, True]


def test_a_limit_lowered_by_more_than_one_write_can_end_is_reached_by_and_by(
    client: Client, services: Services, user: User, clock: Clock
) -> None:
    first = sign_in(client, user)
    (session,) = services.session_store.newest(user.sub)
    for _ in range(30):
        services.session_store.add(replace(session, session_id=services.new_id()))
    serve(services, max_sessions=1)
    living = []
    for _ in range(2):
        sign_in(client, user)
        clock.advance(60)
        living.append(sum(session.ended_at is None for session in services.session_store.newest(user.sub)))
    assert living == [12, 1]
    clock.advance(5)
    assert not first.lives()


def test_a_living_session_says_nothing_of_an_end(client: Client, user: User) -> None:
    mine, other = sign_in(client, user), sign_in(client, user)
    other.post("/logout?sessions=others")
    assert set(entry(other, other)) == FIELDS
    assert not mine.lives()


def test_an_ended_session_is_listed_until_its_time_is_over(client: Client, user: User, clock: Clock) -> None:
    ended = sign_in(client, user)
    clock.advance(DAY)
    sign_in(client, user).post("/logout?sessions=all")
    clock.advance(13 * DAY - 1)
    session = sign_in(client, user)
    assert entry(ended, session)["reason"] == "logout_all"
    clock.advance(1)
    assert ended.session_id not in {each["session_id"] for each in listed(session)}


@pytest.mark.parametrize("first", [by_logout_of_all, by_deletion])
@pytest.mark.parametrize("then", [by_deletion, by_logout_of_others, by_a_late_reuse])
def test_the_first_reason_stays(
    client: Client,
    user: User,
    clock: Clock,
    first: Callable[[SignedIn, SignedIn], None],
    then: Callable[[SignedIn, SignedIn], None],
) -> None:
    mine, other = sign_in(client, user), sign_in(client, user)
    assert client.refresh(mine.refresh().json["refresh_token"]).status == 200
    clock.advance(60)
    first(mine, other)
    session = sign_in(client, user)
    before = entry(mine, session)
    clock.advance(60)
    then(mine, session)
    after = entry(mine, session)
    assert (after["reason"], after["ended_at"]) == (before["reason"], before["ended_at"])


# --- Pages


def add_sessions(services: Services, session: SignedIn, user: User, number: int) -> None:
    """`number` more sessions of `user`, made of the one at hand, each a second older than the one before."""
    known = services.session_store.get(user.sub, session.session_id)
    assert known is not None
    for age in range(1, number + 1):
        session_id = first_at(known.created_at - age) + secrets.token_hex(10)
        services.session_store.add(replace(known, session_id=session_id, created_at=known.created_at - age))


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chalicelib.accounts.sessions.PAGE_SIZE", 3)
    monkeypatch.setattr(store, "PAGE_SIZE", 3)


def test_a_long_list_comes_in_pages_and_leaves_nothing_out(client: Client, services: Services, user: User) -> None:
    session = sign_in(client, user)
    add_sessions(services, session, user, 104)
    first = session.get("/me/sessions").json
    last = session.get(f"/me/sessions?next={first['next']}").json
    assert (len(first["sessions"]), len(last["sessions"])) == (100, 5)
    assert "next" not in last
    assert len({each["session_id"] for page in (first, last) for each in page["sessions"]}) == 105


@pytest.mark.usefixtures("small_pages")
def test_they_come_newest_first_over_all_pages(client: Client, services: Services, user: User) -> None:
    session = sign_in(client, user)
    add_sessions(services, session, user, 7)
    pages = [session.get("/me/sessions").json]
    while "next" in pages[-1]:
        pages.append(session.get(f"/me/sessions?next={pages[-1]['next']}").json)
    assert [len(page["sessions"]) for page in pages] == [3, 3, 2]
    ids = [each["session_id"] for page in pages for each in page["sessions"]]
    assert ids == sorted(ids, reverse=True)


@pytest.mark.usefixtures("small_pages")
def test_a_full_page_with_nothing_after_it_has_no_next(client: Client, services: Services, user: User) -> None:
    session = sign_in(client, user)
    add_sessions(services, session, user, 2)
    assert len(listed(session)) == 3


@pytest.mark.usefixtures("small_pages")
def test_the_next_of_another_user_shows_nothing_of_theirs(client: Client, services: Services, user: User) -> None:
    theirs = sign_in(client, other := new_user(services))
    add_sessions(services, theirs, other, 3)
    following = theirs.get("/me/sessions").json["next"]
    session = sign_in(client, user)
    shown = {each["session_id"] for each in session.get(f"/me/sessions?next={following}").json["sessions"]}
    assert shown <= {session.session_id}


@pytest.mark.parametrize("text", ["", "=", "x", "%00", "YQ==", "Li4v", "_-8", "A" * 5_000])
def test_a_next_that_this_service_never_gave_is_400(client: Client, user: User, text: str) -> None:
    reply = sign_in(client, user).get(f"/me/sessions?next={text}")
    assert reply.problem() == (400, "The value of next was not given by this service.")


# --- Ending one


def test_a_session_can_be_ended_by_another(client: Client, user: User) -> None:
    mine, other = sign_in(client, user), sign_in(client, user)
    reply = other.delete(f"/me/sessions/{mine.session_id}")
    assert (reply.status, reply.body) == (204, b"")
    assert reply.headers["cache-control"] == "no-store"
    assert not mine.lives()
    assert other.lives()


def test_a_session_can_end_itself(client: Client, user: User) -> None:
    mine, other = sign_in(client, user), sign_in(client, user)
    assert mine.delete(f"/me/sessions/{mine.session_id}").status == 204
    assert_ended(mine.get("/me/sessions"))
    assert not mine.lives()
    assert other.lives()


def test_ending_a_session_twice_is_204_and_changes_nothing(
    client: Client, user: User, clock: Clock, contents: Callable[[], list[str]]
) -> None:
    mine, other = sign_in(client, user), sign_in(client, user)
    other.delete(f"/me/sessions/{mine.session_id}")
    before = contents()
    clock.advance(60)
    assert other.delete(f"/me/sessions/{mine.session_id}").status == 204
    assert contents() == before


@pytest.mark.parametrize("session_id", ["A" * 22, "x", "A" * 64, "A" * 65, "A" * 500])
def test_there_is_nothing_at_another_id(
    client: Client, user: User, session_id: str, contents: Callable[[], list[str]]
) -> None:
    session = sign_in(client, user)
    before = contents()
    assert session.delete(f"/me/sessions/{session_id}").problem() == (404, "There is nothing here.")
    assert contents() == before


def test_what_idled_away_is_nothing_to_end(client: Client, user: User, clock: Clock) -> None:
    idle = sign_in(client, user)
    clock.advance(14 * DAY)
    assert sign_in(client, user).delete(f"/me/sessions/{idle.session_id}").status == 404


def test_nobody_ends_another_users_session(client: Client, services: Services, user: User, admin: User) -> None:
    somebodys = sign_in(client, new_user(services))
    for stranger in (user, admin):  # who may moderate and make users, but not this
        reply = sign_in(client, stranger).delete(f"/me/sessions/{somebodys.session_id}")
        assert reply.problem() == (404, "There is nothing here.")
    assert somebodys.lives()


# --- Who may


@pytest.mark.parametrize(("method", "target"), [("GET", "/me/sessions"), ("DELETE", "/me/sessions/{}")])
def test_the_scope_account_is_needed(client: Client, user: User, method: str, target: str) -> None:
    session = sign_in(client, user, scope="comments:read comments:write")
    reply = client.send(method, target.format(session.session_id), bearer(session.access_token))
    assert reply.status == 403
    assert 'error="insufficient_scope"' in reply.headers["www-authenticate"]
    assert session.lives()


@pytest.mark.parametrize(("method", "target"), [("GET", "/me/sessions"), ("DELETE", "/me/sessions/x")])
def test_without_a_token_it_is_401(client: Client, method: str, target: str) -> None:
    assert client.send(method, target).status == 401


def test_ending_ones_sessions_needs_no_scope(client: Client, services: Services) -> None:
    user = new_user(services, scope="")
    mine, other = sign_in(client, user), sign_in(client, user)
    assert mine.post("/logout?sessions=others").status == 204
    assert (mine.lives(), other.lives()) == (True, False)
