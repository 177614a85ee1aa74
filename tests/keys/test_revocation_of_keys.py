"""A key that leaked is stopped: at the API by the feed, at the gate and elsewhere by the JWK Set."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import jwt
import pytest

from app import app
from chalicelib import authorizer
from chalicelib.errors import NotFoundError
from chalicelib.gate.decision import Gate
from chalicelib.keys.ring import KeyEntry, Purpose
from chalicelib.model import User
from chalicelib.services import Services, current, install
from infra.local.gateway import Gateway
from tests.keys.expected import PURPOSES
from tests.support.callers import SignedIn, container, serve, sign_in
from tests.support.client import Client, Clock, Reply

JWKS = "/.well-known/jwks.json"
ENDED = (401, "The access token is invalid or expired.")
UNAUTHORIZED = (401, "A valid access token is required.")
REFUSED = (401, "The refresh token is invalid or expired.")

# The gate fetches the set no more often, in seconds.
COOLDOWN = 10

pytestmark = pytest.mark.usefixtures("ring")


def entries(services: Services, purpose: Purpose = Purpose.ACCESS_TOKEN) -> list[KeyEntry]:
    return [entry for entry in services.key_store.load() if entry.purpose is purpose]


def active(services: Services, purpose: Purpose = Purpose.ACCESS_TOKEN) -> KeyEntry:
    """The first key, which signs."""
    return entries(services, purpose)[0]


def revoke(services: Services, entry: KeyEntry) -> str | None:
    """What the command line does, in a process of its own."""
    return container(services).rotation.revoke(entry.kid, services.now())


def kid(session: SignedIn) -> str:
    named: str = jwt.get_unverified_header(session.access_token)["kid"]
    return named


def published(client: Client) -> set[str]:
    return {jwk["kid"] for jwk in client.send("GET", JWKS).json["keys"]}


@contextmanager
def answering(services: Services) -> Iterator[None]:
    """Lets `services` answer for once."""
    before = current()
    install(services)
    yield
    install(before)


@pytest.fixture
def other(services: Services, client: Client, user: User) -> Services:
    """Another container, warm: it holds the ring and the feed of before."""
    made = container(services)
    with answering(made):
        assert sign_in(client, user).get("/me").status == 200
    return made


# --- A signing key


def test_tokens_under_it_are_refused_at_the_api_within_the_interval_in_every_container(
    services: Services, other: Services, client: Client, user: User, clock: Clock
) -> None:
    session = sign_in(client, user)
    revoke(services, active(services))
    clock.advance(services.settings.revocation_interval)
    assert session.get("/me").problem() == ENDED
    with answering(other):
        assert session.get("/me").problem() == ENDED


def test_tokens_under_it_are_refused_at_the_gate_within_the_set_s_max_age(
    services: Services, client: Client, user: User, clock: Clock
) -> None:
    session = sign_in(client, user)
    assert session.get("/me").status == 200  # the gate has fetched the set
    revoke(services, active(services))
    clock.advance(services.settings.jwks_max_age)
    assert at_the_gate(session, clock).problem() == UNAUTHORIZED


def at_the_gate(session: SignedIn, clock: Clock) -> Reply:
    """A call through an API Gateway that remembers no earlier answer of the gate."""
    return Client(Gateway(app, clock)).get("/me", session.access_token)


def test_a_new_key_signs_at_once_and_in_every_container_within_the_interval(
    services: Services, other: Services, client: Client, user: User, clock: Clock
) -> None:
    sign_in(client, user)
    instead = revoke(services, active(services))
    serve(services)
    assert kid(sign_in(client, user)) == instead
    clock.advance(services.settings.revocation_interval)
    for warm in (services, other):
        with answering(warm):
            assert kid(sign_in(client, user)) == instead


def test_the_gate_has_the_standby_already(services: Services, client: Client, user: User, clock: Clock) -> None:
    sign_in(client, user).get("/me")
    instead = revoke(services, active(services))
    clock.advance(services.settings.revocation_interval)
    session = sign_in(client, user)
    assert kid(session) == instead
    assert session.get("/me").status == 200


def test_promoted_before_everybody_had_it_a_gate_takes_the_standby_ten_seconds_later(
    services: Services, client: Client, user: User, clock: Clock
) -> None:
    sign_in(client, user).get("/me")
    revoke(services, active(services))
    instead = revoke(services, entries(services)[1])
    clock.advance(services.settings.revocation_interval)
    session = sign_in(client, user)
    assert kid(session) == instead
    assert session.get("/me").problem() == UNAUTHORIZED
    clock.advance(COOLDOWN - services.settings.revocation_interval)
    assert session.get("/me").status == 200


def test_the_jwk_set_no_longer_has_it(services: Services, other: Services, client: Client, clock: Clock) -> None:
    old, standby = (entry.kid for entry in entries(services))
    assert published(client) == {old, standby}
    assert revoke(services, active(services)) == standby
    clock.advance(services.settings.revocation_interval)
    left = {standby, entries(services)[2].kid}
    assert published(client) == left
    with answering(other):
        assert published(client) == left


def test_sessions_go_on(services: Services, client: Client, user: User, clock: Clock) -> None:
    session = sign_in(client, user)
    instead = revoke(services, active(services))
    clock.advance(services.settings.revocation_interval)
    assert session.get("/me").status == 401
    reply = session.refresh()
    assert jwt.get_unverified_header(reply.json["access_token"])["kid"] == instead
    assert client.get("/me", reply.json["access_token"]).status == 200


def test_a_container_that_slept_through_the_news_has_heard_too(
    services: Services, client: Client, user: User, clock: Clock
) -> None:
    """However long the ring may be cached, and although the feed forgets after one life of an access token."""
    slow = serve(services, jwks_max_age=86_400)
    sign_in(client, user)
    instead = revoke(services, active(services))
    clock.advance(slow.settings.access_token_lifetime + 120)
    assert published(client) == {instead, entries(services)[2].kid}
    assert kid(sign_in(client, user)) == instead


def test_the_gate_keeps_the_keys_it_has_while_the_set_cannot_be_read_and_the_api_refuses(
    services: Services, client: Client, user: User, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = sign_in(client, user)
    document = client.send("GET", JWKS).body
    documents = [document]

    def fetch(_: str) -> bytes:
        if documents:
            return documents.pop()
        raise OSError

    monkeypatch.setattr(authorizer, "GATE", Gate(services.settings, authorizer.PROTECTED, fetch, clock))
    assert session.get("/me").status == 200
    revoke(services, active(services))
    clock.advance(services.settings.jwks_max_age)
    assert session.get("/me").problem() == ENDED


# --- The key of refresh tokens


def test_refresh_tokens_under_it_end_and_new_ones_work(
    services: Services, other: Services, client: Client, user: User, clock: Clock
) -> None:
    session = sign_in(client, user)
    revoke(services, active(services, Purpose.REFRESH_TOKEN))
    clock.advance(services.settings.revocation_interval)
    for warm in (services, other):
        with answering(warm):
            assert session.refresh().problem() == REFUSED
            assert sign_in(client, user).refresh().status == 200


def test_access_tokens_go_on_without_it(services: Services, client: Client, user: User, clock: Clock) -> None:
    session = sign_in(client, user)
    revoke(services, active(services, Purpose.REFRESH_TOKEN))
    clock.advance(services.settings.revocation_interval)
    assert session.get("/me").status == 200


# --- A key that does not sign


@pytest.mark.parametrize("purpose", PURPOSES)
def test_a_standby_never_signs_and_nobody_notices(
    services: Services, client: Client, user: User, clock: Clock, purpose: Purpose
) -> None:
    standby = entries(services, purpose)[1]
    assert revoke(services, standby) is None
    clock.now = standby.signs_from - 1
    session = sign_in(client, user)
    clock.advance(1)
    fresh = sign_in(client, user)
    assert (fresh.get("/me").status, fresh.refresh().status, session.refresh().status) == (200, 200, 200)
    assert standby.kid not in published(client)
    assert kid(fresh) == entries(services)[2 if purpose is Purpose.ACCESS_TOKEN else 1].kid


def test_a_retired_key_takes_its_tokens_along_and_no_others(
    services: Services, client: Client, user: User, clock: Clock
) -> None:
    retiring, next_one = entries(services)
    old = sign_in(client, user)
    assert services.rotation.force(Purpose.ACCESS_TOKEN, services.now()) == [next_one.kid]
    clock.advance(services.settings.jwks_max_age)  # by now every container has read the ring
    new = sign_in(client, user)
    assert (kid(old), kid(new)) == (retiring.kid, next_one.kid)
    assert (old.get("/me").status, new.get("/me").status) == (200, 200)
    assert revoke(services, retiring) is None
    clock.advance(services.settings.revocation_interval)
    assert old.get("/me").problem() == ENDED
    assert new.get("/me").status == 200
    assert published(client) == {next_one.kid, entries(services)[2].kid}


def test_it_is_revoked_once_and_an_unknown_one_never(services: Services) -> None:
    entry = active(services)
    revoke(services, entry)
    with pytest.raises(NotFoundError, match="This key was revoked already"):
        revoke(services, entry)
    with pytest.raises(NotFoundError, match="There is no such key"):
        revoke(services, replace(entry, kid="unknown"))
    assert len(entries(services)) == 3
