"""An access token stops working when its session ends, although it has not expired and no request asks a store."""

from collections.abc import Callable, Iterator

import jwt
import pytest

from chalicelib.clocks import CLOCK_SKEW
from chalicelib.errors import StoreUnavailableError
from chalicelib.model import EndReason, User
from chalicelib.services import Services, install
from chalicelib.stores.revocations import MAX_ENDED, RevocationStore
from chalicelib.tokens import access_token
from chalicelib.tokens.access_token import AccessToken
from chalicelib.tokens.revocation_feed import Page
from chalicelib.tokens.revocations import WINDOW, Kind, RevocationsFullError
from infra.emulated.aws_calls import operations
from tests.conftest import connect, new_user
from tests.support.aws_calls import failing, recorded
from tests.support.callers import SignedIn, container, serve, sign_in
from tests.support.client import Client, Clock, Reply, bearer
from tests.support.endings import ENDINGS
from tests.support.revocations import end, entries

INTERVAL, TOLERANCE, LIFETIME = 5, 60, 900
INVALID_TOKEN = 'Bearer realm="gatehouse", error="invalid_token"'
UNAVAILABLE = (503, "The service is briefly unavailable. Please try again.")


def assert_ended(reply: Reply) -> None:
    assert reply.problem() == (401, "The access token is invalid or expired.")
    assert reply.headers["www-authenticate"] == INVALID_TOKEN


@pytest.fixture
def elsewhere(services: Services) -> Services:
    """Another container of the same services."""
    return container(services)


def named(session: SignedIn) -> dict[str, str]:
    """What the access token of `session` says that can be revoked."""
    told = jwt.decode(session.access_token, options={"verify_signature": False})
    kid = jwt.get_unverified_header(session.access_token)["kid"]
    return {
        "session": told["sid"],
        "token": told["jti"],
        "key": kid,
        "user": told["sub"],
        "client": told["client_id"],
    }


# --- Whatever ends a session ends its access tokens


@pytest.mark.parametrize("end", ENDINGS.values(), ids=ENDINGS)
def test_in_another_container_it_ends_within_the_interval(
    client: Client,
    services: Services,
    elsewhere: Services,
    user: User,
    clock: Clock,
    end: Callable[[SignedIn, SignedIn], None],
) -> None:
    mine, other = sign_in(client, user), sign_in(client, user)
    install(elsewhere)
    assert mine.get("/me").status == 200
    install(services)
    end(mine, other)
    install(elsewhere)
    clock.advance(INTERVAL - 1)
    assert mine.get("/me").status == 200  # nothing is read for it
    clock.advance(1)
    assert_ended(mine.get("/me"))


def test_a_session_over_the_limit_ends_within_the_interval(
    client: Client, services: Services, user: User, clock: Clock
) -> None:
    serve(services, max_sessions=1)
    mine, newest = sign_in(client, user), sign_in(client, user)
    clock.advance(INTERVAL)
    assert_ended(mine.get("/me"))
    assert newest.get("/me").status == 200


@pytest.mark.parametrize("reason", ["logout", "logout_all", "logout_others", "password_changed", "revoked"])
def test_in_this_container_it_ends_at_once(client: Client, user: User, reason: str) -> None:
    mine, other = sign_in(client, user), sign_in(client, user)
    assert mine.get("/me").status == 200
    ENDINGS[reason](mine, other)
    assert_ended(mine.get("/me"))


def test_a_logout_of_what_another_container_has_just_ended_is_known_here_at_once(
    client: Client, services: Services, user: User
) -> None:
    session = sign_in(client, user)
    assert session.get("/me").status == 200
    other = container(services)
    other.sessions.end(user.sub, session.session_id, EndReason.REVOKED, other.now())
    assert session.post("/logout").status == 204, "this container has not heard of it"
    assert session.get("/me").status == 401


def test_every_access_token_of_the_session_ends(client: Client, user: User, clock: Clock) -> None:
    first = sign_in(client, user)
    clock.advance(1)
    tokens = first.refresh().json
    second = SignedIn(client, tokens["access_token"], tokens["refresh_token"])
    assert second.post("/logout").status == 204
    assert_ended(first.get("/me"))
    assert_ended(second.get("/me"))


def test_no_other_sessions_tokens_end(client: Client, services: Services, user: User) -> None:
    mine, other, somebodys = (sign_in(client, each) for each in (user, user, new_user(services)))
    mine.post("/logout")
    assert other.get("/me").status == 200
    other.post("/logout?sessions=all")
    assert somebodys.get("/me").status == 200


def test_a_kept_sessions_tokens_go_on_old_and_new(client: Client, user: User) -> None:
    before = sign_in(client, user)
    before.post("/logout?sessions=others")
    tokens = before.refresh().json
    after = SignedIn(client, tokens["access_token"], tokens["refresh_token"])
    assert before.get("/me").status == 200
    assert after.get("/me").status == 200


ENTRIES = {
    "session": (Kind.USER, "user", ["session"], 0),
    "token": (Kind.CLIENT, "client", ["token"], 0),
    "key": (Kind.KEY, "key", [], 0),
    "user": (Kind.USER, "user", [], 1),
}


@pytest.mark.parametrize("what", ENTRIES)
def test_what_any_kind_of_entry_names_ends(
    client: Client, services: Services, user: User, clock: Clock, what: str
) -> None:
    session, somebodys = sign_in(client, user), sign_in(client, new_user(services))
    kind, subject, ids, epoch = ENTRIES[what]
    named_in = named(session)
    there = container(services).revocations
    ended = frozenset(named_in[name] for name in ids)
    there.transact(there.entry(kind, named_in[subject], clock.now, epoch=epoch, ended=ended))
    clock.advance(INTERVAL)
    assert_ended(session.get("/me"))
    # One key has signed everybody's.
    assert somebodys.get("/me").status == (401 if kind is Kind.KEY else 200)


def test_a_single_token_may_end_while_its_session_goes_on(client: Client, services: Services, user: User) -> None:
    session = sign_in(client, user)
    services.revocations.end_token("gatehouse", named(session)["token"], services.now())
    assert_ended(session.get("/me"))
    assert client.get("/me", session.refresh().json["access_token"]).status == 200


def test_a_token_without_a_session_can_log_out(client: Client, services: Services, clock: Clock) -> None:
    content = AccessToken("service", "demo-service", frozenset({"comments:read"}), "a-jti", LIFETIME)
    issuer = "https://gatehouse.example"
    token = access_token.issue(content, issuer, issuer, services.keys.signing_key(clock.now), clock.now)
    assert client.get("/comments", token).status == 200
    assert client.send("POST", "/logout", bearer(token)).status == 204
    assert_ended(client.get("/comments", token))


def test_a_new_container_knows_what_ended_a_lifetime_ago(
    client: Client, services: Services, elsewhere: Services, user: User, clock: Clock
) -> None:
    session = sign_in(client, user)
    session.post("/logout")
    clock.advance(LIFETIME - 1)
    install(elsewhere)
    assert_ended(session.get("/me"))


def test_a_late_row_with_an_earlier_time_is_obeyed(
    client: Client, services: Services, user: User, clock: Clock
) -> None:
    seen, late = sign_in(client, user), sign_in(client, user)
    end(services, user.sub, seen.session_id, at=clock.now)
    clock.advance(INTERVAL)
    assert_ended(seen.get("/me"))
    end(services, user.sub, late.session_id, at=clock.now - CLOCK_SKEW)
    clock.advance(INTERVAL)
    assert_ended(late.get("/me"))


def test_every_entry_outlives_the_last_token_that_it_ends(
    client: Client, services: Services, user: User, clock: Clock
) -> None:
    for way in ("/logout", "/logout?sessions=all", "/logout?sessions=others"):
        assert sign_in(client, user).post(way).status == 204
        clock.advance(WINDOW)
    rows = connect("dynamodb").scan(TableName=services.settings.revocations_table)["Items"]
    assert len(rows) == 3
    for row in rows:
        assert int(row["expires_at"]["N"]) > clock.now - 3 * WINDOW + LIFETIME


def test_no_entry_holds_a_token(client: Client, services: Services, user: User) -> None:
    session = sign_in(client, user)
    session.post("/logout?sessions=others")
    session.post("/logout")
    rows = repr(connect("dynamodb").scan(TableName=services.settings.revocations_table)["Items"])
    assert session.session_id in rows
    assert session.access_token not in rows
    assert session.refresh_token not in rows


# --- Expiry is looked at again, whatever the gateway remembers


def test_a_policy_that_the_gateway_remembers_does_not_outlive_its_token(
    client: Client, user: User, clock: Clock
) -> None:
    session = sign_in(client, user)
    clock.advance(LIFETIME - 1)
    assert session.get("/me").status == 200
    clock.advance(1)
    # The gate's own 401 names no error: this one is the API's.
    assert_ended(session.get("/me"))


# --- When the feed cannot be read


def test_no_feed_no_answer(client: Client, services: Services, elsewhere: Services, user: User) -> None:
    session = sign_in(client, user)
    install(elsewhere)
    with failing("Query"):
        for reply in protected_and_signing(client, session, user):
            assert reply.problem() == UNAVAILABLE
            assert reply.headers["retry-after"] == str(INTERVAL)


def unreadable(*_: object) -> Iterator[Page]:
    raise StoreUnavailableError


def protected_and_signing(client: Client, session: SignedIn, user: User) -> Iterator[Reply]:
    yield session.get("/me")
    yield client.sign_in(user.username)
    yield session.refresh()


def test_a_feed_that_fails_is_used_for_the_tolerance_and_then_it_is_shut(
    client: Client, user: User, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, ended = sign_in(client, user), sign_in(client, user)
    ended.post("/logout")
    assert_ended(ended.get("/me"))
    with monkeypatch.context() as patch:
        patch.setattr(RevocationStore, "read", unreadable)
        clock.advance(INTERVAL + TOLERANCE)
        assert [reply.status for reply in protected_and_signing(client, session, user)] == [200, 200, 200]
        assert_ended(ended.get("/me"))
        clock.advance(1)
        replies = list(protected_and_signing(client, session, user))
    assert [reply.problem() for reply in replies] == [UNAVAILABLE] * 3


def test_it_recovers(client: Client, user: User, clock: Clock) -> None:
    session = sign_in(client, user)
    clock.advance(600)
    with failing("Query"):
        assert session.get("/me").status == 503
    clock.advance(INTERVAL)
    assert [reply.status for reply in protected_and_signing(client, session, user)] == [200, 200, 200]


def test_while_it_fails_it_is_asked_once_in_each_interval(client: Client, user: User, clock: Clock) -> None:
    session = sign_in(client, user)
    clock.advance(INTERVAL + TOLERANCE + 1)
    with failing("Query") as asked:
        for _ in range(2 * INTERVAL):
            assert session.get("/me").status == 503
            clock.advance(1)
    assert len(asked) == 2


def test_an_expired_token_is_401_also_then(client: Client, user: User, clock: Clock) -> None:
    session = sign_in(client, user)
    clock.advance(LIFETIME - 1)
    session.get("/me")
    clock.advance(1)
    with failing("Query"):
        assert_ended(session.get("/me"))


def test_the_jwk_set_needs_no_feed(client: Client, services: Services, user: User, clock: Clock) -> None:
    session = sign_in(client, user)
    clock.advance(100)
    with failing("Query"):
        assert session.get("/me").status == 503
        assert client.send("GET", "/.well-known/jwks.json").status == 200


# --- Whoever signs looks too


@pytest.mark.parametrize("route", ["/tokens", "/tokens/refresh"])
def test_routes_that_sign_pull_the_feed(
    client: Client, services: Services, user: User, clock: Clock, route: str
) -> None:
    session = sign_in(client, user)
    clock.advance(INTERVAL)
    with recorded() as calls:
        reply = client.sign_in(user.username) if route == "/tokens" else session.refresh()
    assert reply.status == 200
    pulls = [call for call in calls if call.parameters.get("TableName") == services.settings.revocations_table]
    assert set(operations(pulls)) == {"Query"}


def test_a_user_who_floods_makes_one_entry(client: Client, services: Services, user: User) -> None:
    session = sign_in(client, user)
    for _ in range(30):
        assert session.post("/logout?sessions=others").status == 204
    (entry,) = entries(services, services.now(), services.now())
    assert (entry.subject, entry.epoch, entry.kept) == (user.sub, 30, session.session_id)
    assert session.get("/me").status == 200


def test_past_the_bound_of_an_entry_a_logout_ends_all_by_the_epoch(
    client: Client, services: Services, user: User
) -> None:
    sessions = [sign_in(client, user) for _ in range(MAX_ENDED + 2)]
    for session in sessions[: MAX_ENDED + 1]:
        assert session.post("/logout").status == 204
    (entry,) = entries(services, services.now(), services.now())
    assert (len(entry.ended), entry.epoch) == (MAX_ENDED, 1)
    for session in sessions:
        assert_ended(session.get("/me"))


def test_the_ids_of_one_entry_are_bounded_for_a_client_too(services: Services) -> None:
    for number in range(MAX_ENDED):
        services.revocations.end_token("client", f"jti-{number}", services.now())
    with pytest.raises(RevocationsFullError):
        services.revocations.end_token("client", "one more", services.now())
