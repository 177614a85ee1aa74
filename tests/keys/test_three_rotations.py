"""Ninety days and more: the keys change three times, and nobody who calls ever notices."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import jwt
import pytest

from app import app
from chalicelib import authorizer
from chalicelib.gate.decision import Gate
from chalicelib.keys.jwk_set import JwkSet, parse_jwk_set
from chalicelib.keys.ring import KeyEntry, Purpose
from chalicelib.model import User
from chalicelib.schedule import rotate_keys
from chalicelib.services import Services, install
from chalicelib.tokens.access_token_verifier import verify
from infra.emulated.lambda_events import SCHEDULED
from infra.local.gateway import Gateway
from tests.conftest import new_user
from tests.support.callers import SignedIn, container, serve, sign_in
from tests.support.client import Client, Clock

JWKS = "/.well-known/jwks.json"
ISSUER = "https://gatehouse.example"
HOUR, DAY = 3_600, 86_400
MAX_AGE = 300


@dataclass
class SharedCache:
    """Before the JWK Set and all who read it: keeps each answer for as long as it may."""

    client: Client
    clock: Clock
    document: bytes = b""
    fresh_until: float = 0

    def fetch(self, uri: str) -> bytes:
        assert uri == ISSUER + JWKS
        if self.clock() >= self.fresh_until:
            reply = self.client.send("GET", JWKS)
            assert (reply.status, reply.headers["cache-control"]) == (200, f"public, max-age={MAX_AGE}")
            self.document, self.fresh_until = reply.body, self.clock() + MAX_AGE
        return self.document


@dataclass
class OtherService:
    """Verifies tokens by the JWK Set, keeps it for as long as it may, and asks for no unknown key."""

    cache: SharedCache
    keys: JwkSet = field(default_factory=dict)
    read_at: float = 0

    def accept(self, token: str) -> None:
        now = int(self.cache.clock())
        if now >= self.read_at + MAX_AGE:
            self.keys, self.read_at = parse_jwk_set(self.cache.fetch(ISSUER + JWKS)), now
        verify(token, self.keys.get, issuer=ISSUER, audience=ISSUER, now=now)


@dataclass
class Crowd:
    """Those who call, through containers that take turns."""

    client: Client
    user: User
    containers: list[Services]
    service: OtherService
    sessions: list[SignedIn] = field(default_factory=list)
    signed_by: set[str] = field(default_factory=set)

    def call(self) -> None:
        """One signs in; those who are in call with the token that they have, refresh it and call again."""
        self._next_container()
        self.sessions = [*self.sessions[-1:], sign_in(self.client, self.user)]
        for number, session in enumerate(self.sessions):
            if not self._expired(session):
                self._use(session)
            self.sessions[number] = self._refreshed(session)
            self._use(self.sessions[number])

    def _expired(self, session: SignedIn) -> bool:
        claims = jwt.decode(session.access_token, options={"verify_signature": False})
        return bool(self.service.cache.clock() >= claims["exp"])

    def _use(self, session: SignedIn) -> None:
        self._next_container()
        assert session.get("/me").status == 200
        self.service.accept(session.access_token)
        self.signed_by.add(jwt.get_unverified_header(session.access_token)["kid"])

    def _refreshed(self, session: SignedIn) -> SignedIn:
        self._next_container()
        reply = session.refresh()
        assert reply.status == 200
        return SignedIn(self.client, reply.json["access_token"], reply.json["refresh_token"])

    def _next_container(self) -> None:
        self.containers.append(self.containers.pop(0))
        install(self.containers[0])


@pytest.fixture
def crowd(services: Services, ring: None, client: Client, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Crowd:
    """Before two containers and a gate; all read the JWK Set through one cache."""
    cache = SharedCache(client, clock)
    monkeypatch.setattr(authorizer, "GATE", Gate(services.settings, authorizer.PROTECTED, cache.fetch, clock))
    containers = [container(services), container(services)]
    return Crowd(Client(Gateway(app, clock)), new_user(services), containers, OtherService(cache))


def active(services: Services) -> KeyEntry:
    entry = services.rotation.ring().active(Purpose.ACCESS_TOKEN, "ES256", services.now())
    assert entry is not None
    return entry


def as_lambda_calls(clock: Clock) -> object:
    """Runs the schedule's handler on the event that EventBridge sends."""
    return rotate_keys(SCHEDULED, None)


def until_the_next_key(services: Services) -> Iterator[int]:
    """From one key to the next: moments days apart, and close together around each change."""
    begin, period = active(services).signs_from, services.settings.key_rotation_period
    yield from range(begin + 2 * DAY, begin + period - HOUR, 9 * DAY)
    signs_from = begin + period
    yield from range(signs_from - 5 * (MAX_AGE - 1), signs_from - 1, MAX_AGE - 1)
    yield from (signs_from - 1, signs_from, signs_from + 1)
    gone_at = signs_from + services.settings.access_token_lifetime + 60
    yield from range(signs_from + MAX_AGE - 1, gone_at - 1, MAX_AGE - 1)
    yield from (gone_at - 1, gone_at)


def test_nobody_is_refused_over_three_rotations(services: Services, crowd: Crowd, clock: Clock) -> None:
    crowd.call()
    for _ in range(3):
        before = active(services)
        for moment in until_the_next_key(services):
            clock.now = moment
            as_lambda_calls(clock)
            crowd.call()
        assert active(services) != before
    assert len(crowd.signed_by) == 4


def test_a_session_that_sleeps_for_its_idle_lifetime_outlives_the_key_of_its_token(
    services: Services, crowd: Crowd, clock: Clock
) -> None:
    clock.now = active(services).signs_from + services.settings.key_rotation_period - 1
    as_lambda_calls(clock)
    sleeper = sign_in(crowd.client, crowd.user)
    clock.advance(services.settings.session_idle_lifetime - 1)
    as_lambda_calls(clock)
    assert sleeper.refresh().status == 200


def test_a_verifier_at_the_end_of_every_cache_knows_the_key_before_it_signs(
    services: Services, crowd: Crowd, clock: Clock
) -> None:
    """With the shortest time that a key is published: another algorithm's first."""
    service = OtherService(SharedCache(crowd.client, clock))
    services.keys.ring(services.now())  # this container has just read its ring
    install(services)
    changed = serve(services, signing_alg="EdDSA")
    changed.rotation.run(clock.now)
    install(services)
    published_at, signs_from = clock.now, max(e.signs_from for e in services.key_store.load() if e.alg == "EdDSA")
    clock.now = published_at + MAX_AGE - 2
    service.cache.fetch(ISSUER + JWKS)  # what it serves is as old as can be,
    clock.advance(MAX_AGE - 1)
    service.accept(sign_in(crowd.client, crowd.user).access_token)  # and so is what the cache serves
    assert {key.alg for key in service.keys.values()} == {"ES256"}
    clock.advance(MAX_AGE - 1)
    service.accept(sign_in(crowd.client, crowd.user).access_token)
    assert {key.alg for key in service.keys.values()} == {"ES256"}
    assert signs_from - 60 <= clock.now + MAX_AGE
    clock.now = signs_from
    install(changed)
    token = sign_in(crowd.client, crowd.user).access_token
    service.accept(token)
    assert jwt.get_unverified_header(token)["alg"] == "EdDSA"


def test_the_handler_says_what_it_added_and_may_run_twice(
    services: Services, empty_ring: None, client: Client, clock: Clock
) -> None:
    added = as_lambda_calls(clock)
    assert added == [entry.kid for entry in services.key_store.load()]
    assert as_lambda_calls(clock) == []
