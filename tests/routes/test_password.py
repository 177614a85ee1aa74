"""PUT /me/password: a new password, and every other session ends."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from chalicelib.model import User
from chalicelib.services import Services, install
from tests.conftest import disable
from tests.support.aws_calls import met
from tests.support.callers import SignedIn, serve, sign_in
from tests.support.client import FORM, Client, Clock, Reply, bearer

OLD, NEW = "demo-password", "another fine password"


def change(session: SignedIn, current: str = OLD, new: str = NEW) -> Reply:
    return session.put("/me/password", current_password=current, new_password=new)


def test_the_new_password_works_and_the_old_one_does_not(client: Client, user: User) -> None:
    reply = change(sign_in(client, user))
    assert (reply.status, reply.body) == (204, b"")
    assert reply.headers["cache-control"] == "no-store"
    assert "set-cookie" not in reply.headers
    assert client.sign_in(user.username, OLD).status == 401
    assert client.sign_in(user.username, NEW).status == 200


def test_every_other_session_ends_and_this_one_goes_on(client: Client, user: User) -> None:
    sessions = [sign_in(client, user) for _ in range(3)]
    change(sessions[1])
    assert [session.lives() for session in sessions] == [False, True, False]


def test_a_session_that_the_old_password_began_at_that_moment_has_ended(client: Client, user: User) -> None:
    session = sign_in(client, user)
    with met("PutItem", lambda: change(session)):
        met_one = sign_in(client, user)
    assert not met_one.lives()
    assert session.lives()


def test_it_may_be_sent_as_a_form(client: Client, user: User) -> None:
    headers = {"Content-Type": FORM, **bearer(client.access_token(user.username))}
    form = "current_password=demo-password&new_password=a+fine+password"
    reply = client.send("PUT", "/me/password", headers, form)
    assert reply.status == 204
    assert client.sign_in(user.username, "a fine password").status == 200


# --- Refused


@pytest.mark.parametrize("current", ["wrong password", "", "x" * 257, OLD.upper()])
def test_a_wrong_current_password_is_400_and_changes_nothing(
    client: Client, user: User, current: str, contents: Callable[[], list[str]]
) -> None:
    session = sign_in(client, user)
    before = contents()
    reply = change(session, current)
    assert reply.problem() == (400, "The current password is not right.")
    assert "www-authenticate" not in reply.headers
    assert contents() == before
    assert session.lives()


@pytest.mark.parametrize(
    ("new", "detail"),
    [
        ("eleven char", "The password must be 12 to 256 characters long."),
        ("x1" * 129, "The password must be 12 to 256 characters long."),
        ("password1234", "This password is too easily guessed."),
        ("ssssssssssss", "This password is too easily guessed."),
        ("{username}", "This password is too easily guessed."),
        ("{email}", "This password is too easily guessed."),
    ],
)
def test_a_weak_new_password_is_400_and_changes_nothing(
    client: Client, user: User, new: str, detail: str, contents: Callable[[], list[str]]
) -> None:
    session = sign_in(client, user)
    before = contents()
    reply = change(session, new=new.format(username=user.username, email=user.email))
    assert reply.problem() == (400, detail)
    assert contents() == before


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"new_password": NEW},
        {"current_password": OLD},
        {"current_password": OLD, "new_password": ["another", "fine"]},
        {"current_password": None, "new_password": NEW},
    ],
)
def test_both_passwords_must_be_given(client: Client, user: User, fields: dict[str, object]) -> None:
    assert sign_in(client, user).put("/me/password", **fields).problem()[0] == 400


def test_the_scope_account_is_needed(client: Client, user: User) -> None:
    session = sign_in(client, user, scope="comments:read comments:write")
    reply = change(session)
    assert reply.status == 403
    assert 'error="insufficient_scope"' in reply.headers["www-authenticate"]
    assert client.sign_in(user.username, OLD).status == 200


def test_a_disabled_user_changes_nothing(client: Client, services: Services, user: User) -> None:
    session = sign_in(client, user)
    disable(services, user)
    assert change(session).status == 401
    services.accounts.enable(replace(user, disabled=True), services.now())
    assert client.sign_in(user.username, OLD).status == 200


def test_an_ended_session_changes_nothing_where_its_end_is_not_known_yet(
    client: Client, services: Services, user: User, clock: Clock
) -> None:
    ended, other = sign_in(client, user), sign_in(client, user)
    stale = serve(services)
    assert ended.get("/me").status == 200
    serve(services)
    other.post("/logout?sessions=others")
    install(stale)
    assert change(ended).problem() == (401, "The access token is invalid or expired.")
    clock.advance(5)
    assert (ended.lives(), other.lives()) == (False, True)
    assert client.sign_in(user.username, OLD).status == 200


@pytest.mark.parametrize("meanwhile", ["/logout?sessions=all", "/logout?sessions=others"])
def test_a_change_that_meets_an_end_of_sessions_is_409(client: Client, user: User, meanwhile: str) -> None:
    one, other = sign_in(client, user), sign_in(client, user)
    with met("TransactWriteItems", lambda: other.post(meanwhile)):
        reply = change(one)
    assert reply.problem() == (409, "The account is being changed elsewhere. Please try again.")
    assert client.sign_in(user.username, NEW).status == 401
    assert client.sign_in(user.username, OLD).status == 200


def test_of_two_changes_at_once_one_takes(client: Client, user: User) -> None:
    one, other = sign_in(client, user), sign_in(client, user)
    with met("TransactWriteItems", lambda: change(other, new="the other's new password")):
        assert change(one).status == 409
    assert client.sign_in(user.username, "the other's new password").status == 200
    assert (one.lives(), other.lives()) == (False, True)


def test_a_rehash_that_meets_a_change_does_not_bring_the_old_password_back(
    client: Client, services: Services, user: User
) -> None:
    session = sign_in(client, user)
    read = services.users.by_username(user.username)
    assert read is not None
    assert change(session).status == 204
    services.users.replace_password_hash(read, services.passwords.hash(OLD))
    assert client.sign_in(user.username, OLD).status == 401


# --- Throttling


def test_wrong_current_passwords_are_counted_as_sign_ins_are(client: Client, user: User) -> None:
    session = sign_in(client, user)
    for _ in range(5):
        assert change(session, "wrong password").status == 400
        assert client.sign_in(user.username, "wrong password").status == 401
    for reply in (change(session), client.sign_in(user.username)):
        assert reply.problem() == (429, "Too many failed attempts. Please try again later.")
        assert reply.headers["retry-after"] == "300"
    assert session.lives()


def test_weak_new_passwords_are_no_failures(client: Client, services: Services, user: User) -> None:
    serve(services, sign_in_failures=2)
    session = sign_in(client, user)
    for _ in range(3):
        assert change(session, new="short").status == 400
    assert change(session).status == 204


# --- Secrets


def test_no_password_is_logged(client: Client, user: User, caplog: pytest.LogCaptureFixture) -> None:
    session = sign_in(client, user)
    with caplog.at_level("INFO"):
        change(session, "a wrong password")
        change(session, new="too-short")
        change(session)
    for password in (OLD, NEW, "a wrong password", "too-short"):
        assert password not in caplog.text
