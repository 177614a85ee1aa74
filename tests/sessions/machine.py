"""The house under hypothesis: what clients, thieves, users and operators may do, in any order, step by step.

Whatever the house answers is held against the model. Two containers serve, over the same tables.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from random import Random
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, rule

from chalicelib import base64url, refresh_token, sessions
from chalicelib.accounts import PasswordChange
from chalicelib.errors import (
    GatehouseError,
    InvalidCredentialsError,
    InvalidGrantError,
    InvalidTokenError,
    NotFoundError,
)
from chalicelib.grants.password import PasswordRequest
from chalicelib.grants.refresh_token import RefreshTokenRequest
from chalicelib.jwks import parse_jwk_set
from chalicelib.keys import Purpose
from chalicelib.model import FIRST_PARTY, Device, Realm, TokenResponse
from chalicelib.model import User as Record
from chalicelib.runtime import Runtime
from chalicelib.scope import Scope, granted, parse, serialize
from chalicelib.sessions import Kept
from chalicelib.settings import Settings
from chalicelib.stores import users as user_store
from chalicelib.stores.keys import KeyRingStore, Sealer
from chalicelib.verify import AccessTokenClaims, verify
from tests.conftest import CHEAP
from tests.sessions import memory, model
from tests.sessions.model import AccessToken, Client, End, Session, Token, User

SETTINGS = Settings(
    **{f"{name.lower()}_table": name for name in memory.table_keys()},  # type: ignore[arg-type]
    access_token_lifetime=model.ACCESS_TOKEN_LIFETIME,
    session_idle_lifetime=model.IDLE_LIFETIME,
    session_absolute_lifetime=model.ABSOLUTE_LIFETIME,
    refresh_grace=model.GRACE,
    jwks_max_age=model.JWKS_MAX_AGE,
    revocation_interval=model.REVOCATION_INTERVAL,
)
REALM = Realm("https://gatehouse.example", "https://gatehouse.example")
DEVICE = Device("192.0.2.7", "client")
SCOPES = [parse(text) for text in ("", "a", "b", "a b", "a b c")]

T = TypeVar("T")

# Mostly nothing; else a moment, about the grace, or about a lifetime.
_pauses = st.one_of(
    st.just(0),
    st.just(0),
    st.integers(1, 2 * model.REVOCATION_INTERVAL),
    st.integers(1, 2 * model.GRACE),
    st.sampled_from([model.GRACE, model.GRACE + 1, model.JWKS_MAX_AGE, model.ACCESS_TOKEN_LIFETIME]),
    st.sampled_from([model.IDLE_LIFETIME // 2, *range(model.IDLE_LIFETIME - 60, model.IDLE_LIFETIME + 1, 20)]),
)
_containers = st.integers(0, 1)
_clients = st.integers(0, 2)
_scopes = st.sampled_from(SCOPES)
_asked = st.none() | _scopes


@dataclass(frozen=True)
class Container(Runtime):
    """The house as one container has it, over tables in memory."""

    tables: memory.DynamoDB = field(default_factory=memory.DynamoDB)
    kms: Any = field(default_factory=memory.Kms)

    @cached_property
    def key_store(self) -> KeyRingStore:
        return KeyRingStore(self._table(self.settings.keys_table), Sealer(self.kms, "", "local"), self.revocations)

    @cached_property
    def _client(self) -> Any:
        return self.tables


class SilentEvents:
    """Where nobody listens."""

    def record(self, event: object) -> None:
        """Forgets `event`."""


class House(RuleBasedStateMachine):
    """A user with two clients, another with one, all signed in; and whoever steals from them."""

    thieves = Bundle("thieves")

    @initialize(max_sessions=st.sampled_from([0, 3]))
    def open(self, max_sessions: int) -> None:
        self.now = 1_800_000_000
        self.max_sessions = max_sessions
        self.random_bytes = Random(0).randbytes  # noqa: S311
        settings = replace(SETTINGS, max_sessions=max_sessions)
        first = Container(settings, CHEAP, lambda: self.now, self.random_bytes, events=SilentEvents())
        self.containers = [first, replace(first)]
        first.rotation.run(self.now)
        self.texts: dict[tuple[str, int, str], str] = {}
        self.users = [self.sign_up(name) for name in ("ada", "grace")]
        self.clients = [Client(user, *self.signed_in(user, first, None)) for user in (self.users * 2)[:3]]

    def sign_up(self, name: str) -> User:
        user = User(name, "the first password", parse("a b"))
        password_hash = self.containers[0].passwords.hash(user.password)
        sub = base64url.encode(self.random_bytes(16))
        self.containers[0].users.add(Record(sub, name, None, password_hash, user.scope))
        return user

    @property
    def operations(self) -> dict[str, Callable[[], object]]:
        """What goes on behind the doors, and what nobody may notice."""
        rotation, containers = self.containers[0].rotation, self.containers
        return {
            "a signing key is rotated": lambda: rotation.force(Purpose.ACCESS_TOKEN, self.now),
            "an HMAC key is rotated": lambda: rotation.force(Purpose.REFRESH_TOKEN, self.now),
            "a container starts": lambda: containers.insert(0, replace(containers.pop())),
            "expired items are deleted": lambda: self.containers[0].tables.delete_expired(self.now),
        }

    @rule(data=st.data(), pause=_pauses)
    def operate(self, data: st.DataObject, pause: int) -> None:
        self.now += pause
        data.draw(st.sampled_from(list(self.operations.items())))[1]()

    # --- Signing in

    @rule(number=_clients, container=_containers, asked=_asked)
    def sign_in(self, number: int, container: int, asked: Scope | None) -> None:
        client = self.clients[number]
        if not client.user.disabled:
            client.token, client.access_token = self.signed_in(client.user, self.containers[container], asked)

    def signed_in(self, user: User, house: Container, asked: Scope | None) -> tuple[Token, AccessToken]:
        response = house.sign_in(PasswordRequest(user.username, user.password, asked, DEVICE), REALM, self.now)
        session_id = house.keys.read_refresh_token(response.refresh_token, self.now).session_id
        if self.max_sessions:
            for oldest in user.living(self.now)[: 1 - self.max_sessions]:
                oldest.end(sessions.SESSION_LIMIT, self.now)
        session = Session(user, session_id, asked, self.now)
        user.sessions.append(session)
        return self.handed_out(response, session, 0, None)

    # --- Refreshing

    @rule(
        pause=_pauses,
        number=_clients,
        container=_containers,
        narrowed=_asked,
        fate=st.sampled_from(["answered", "answered", "its answer is lost", "itself is late or lost"]),
    )
    def refresh(self, pause: int, number: int, container: int, narrowed: Scope | None, fate: str) -> None:
        self.now += pause
        client = self.clients[number]
        client.sent.append(client.token)
        if fate != "itself is late or lost":
            owed = client.is_owed_an_answer(self.now)
            answer = self.presented(client.token, client, self.containers[container], narrowed)
            assert answer or not owed
            if answer and fate == "answered":
                client.token, client.access_token = answer

    @rule(pause=_pauses, number=_clients, container=_containers, ago=st.integers(1, 4))
    def deliver_an_earlier_request(self, pause: int, number: int, container: int, ago: int) -> None:
        """For the first time or once more; nobody sees the answer."""
        self.now += pause
        client = self.clients[number]
        for sent in client.sent[-ago:][:1]:
            may_end = sent.session.ended or not client.may_repeat(sent, self.now)
            self.presented(sent, client, self.containers[container], None)
            assert may_end or not sent.session.ended

    @rule(target=thieves, number=_clients)
    def steal(self, number: int) -> Client:
        """A thief does as a client does, with a copy of what it holds."""
        client = self.clients[number]
        return Client(client.user, client.token, client.access_token)

    @rule(pause=_pauses, thief=thieves, container=_containers)
    def refresh_as_a_thief(self, pause: int, thief: Client, container: int) -> None:
        self.now += pause
        answer = self.presented(thief.token, thief, self.containers[container], None)
        if answer:
            thief.token, thief.access_token = answer

    def presented(
        self, token: Token, holder: Client, house: Container, narrowed: Scope | None
    ) -> tuple[Token, AccessToken] | None:
        """Presents `token` to the model and to the house. The answer, if there is one."""
        session = token.session
        found_out = session.has_two_holders(token.generation, holder, self.now)
        expected = session.present(token.generation, holder, self.now)
        assert session.is_over(self.now) or not found_out
        request = RefreshTokenRequest(token.text, FIRST_PARTY, narrowed, DEVICE)
        response = attempt(lambda: house.refresh(request, REALM, self.now))
        if expected is None:
            assert isinstance(response, InvalidGrantError)
            self.forgive_a_forgotten_token(token)
            return None
        assert isinstance(response, TokenResponse)
        return self.handed_out(response, session, expected, narrowed)

    def forgive_a_forgotten_token(self, token: Token) -> None:
        """A token whose key may be gone is refused; whether it ended its session, only the house can tell."""
        forgotten = self.now >= token.made_at + model.IDLE_LIFETIME + model.GRACE
        ended = token.session.ended
        if forgotten and ended == End(self.now, frozenset({"reuse"})):
            stored = self.containers[0].session_store.get(token.sub, token.session.session_id)
            token.session.ended = ended if stored and stored.ended_at else None

    def handed_out(
        self, response: TokenResponse, session: Session, generation: int, narrowed: Scope | None
    ) -> tuple[Token, AccessToken]:
        """Looks at an answer for `session`, which must be of `generation`."""
        text = response.refresh_token
        reader = self.containers[generation % 2]  # whose ring may be older than that of the one that answered
        read = reader.keys.read_refresh_token(text, self.now)
        assert (read.session_id, read.generation) == (session.session_id, generation)
        # A replay gets the same generation; the same bytes too, while one HMAC key makes them.
        key_id = base64url.decode(text.removeprefix(refresh_token.PREFIX))[52:56].hex()
        assert self.texts.setdefault((session.session_id, generation, key_id), text) == text
        # Never more than the user has now.
        assert response.scope == granted(session.user.scope, session.asked_scope, narrowed)
        claims = self.verified(response.access_token, reader)
        assert (claims.sid, claims.scope) == (session.session_id, response.scope)
        access_token = AccessToken(session, response.access_token, self.now + model.ACCESS_TOKEN_LIFETIME)
        session.access_tokens.append(access_token)
        session.newest = Token(session, read.sub, generation, text, self.now)
        return session.newest, access_token

    # --- What an access token opens

    @rule(pause=_pauses, number=_clients, container=_containers)
    def call(self, pause: int, number: int, container: int) -> None:
        self.now += pause
        self.admitted(self.clients[number].access_token, self.containers[container])

    def admitted(self, token: AccessToken, house: Container) -> AccessTokenClaims | None:
        """What the front door makes of it: claims where it lets `token` in, `None` where it answers 401."""
        claims = attempt(lambda: self.verified(token.text, house))
        assert isinstance(claims, InvalidTokenError) == (self.now >= token.expires)
        if not isinstance(claims, AccessTokenClaims):
            return None
        ended = token.session.ended
        refused = house.feed.current(self.now).end(claims)
        assert ended or not refused
        assert refused or not ended or self.now < ended.at + model.REVOCATION_INTERVAL
        return None if refused else claims

    def verified(self, access_token: str, house: Container) -> AccessTokenClaims:
        """What the gate reads in `access_token`, by the JWK Set that `house` has. Raises `InvalidTokenError`."""
        jwk_set = parse_jwk_set(json.dumps(house.keys.ring(self.now).jwk_set(self.now)).encode())
        return verify(access_token, jwk_set.get, issuer=REALM.issuer, audience=REALM.audience, now=self.now)

    # --- Ending sessions

    @rule(number=_clients, container=_containers, which=st.sampled_from([None, "all", "others"]))
    def log_out(self, number: int, container: int, which: str | None) -> None:
        client, house, user = self.clients[number], self.containers[container], self.clients[number].user
        claims = self.admitted(client.access_token, house)
        if not claims or not claims.sid:
            return
        if which is None:
            house.session_store.end(claims.sub, claims.sid, sessions.LOGOUT, self.now)
            client.access_token.session.end(sessions.LOGOUT, self.now)
        elif which == "all":
            house.sessions.end_all(user.username, sessions.LOGOUT_ALL, self.now)
            user.end_sessions(sessions.LOGOUT_ALL, self.now)
        else:
            reason, kept = sessions.LOGOUT_OTHERS, kept_by(claims)
            self.end_others(client, reason, lambda: house.sessions.end_all(user.username, reason, self.now, kept))
        house.feed.hurry()

    @rule(number=_clients, container=_containers)
    def change_password(self, number: int, container: int) -> None:
        client, house = self.clients[number], self.containers[container]
        claims = self.admitted(client.access_token, house)
        if claims and not client.user.disabled:
            new = f"the password of {self.now} {len(self.texts)}"
            change = PasswordChange(client.user.username, client.user.password, new, DEVICE, kept_by(claims))
            change_it = lambda: house.accounts.change_password(change, self.now)  # noqa: E731
            if self.end_others(client, sessions.PASSWORD_CHANGED, change_it):
                client.user.password = new
            house.feed.hurry()

    def end_others(self, client: Client, reason: str, act: Callable[[], None]) -> bool:
        """Whether it was done. What has itself been ended, and was let in for the last interval, keeps nothing."""
        session = client.access_token.session
        refused = attempt(act)
        assert refused is None or (isinstance(refused, InvalidTokenError) and session.ended)
        if refused is None:
            client.user.end_sessions(reason, self.now, kept=session)
        return refused is None

    @rule(number=_clients, container=_containers, which=st.integers(0, 9))
    def end_one_of_the_list(self, number: int, container: int, which: int) -> None:
        client, house = self.clients[number], self.containers[container]
        if claims := self.admitted(client.access_token, house):
            session = client.user.sessions[-1 - which % len(client.user.sessions)]
            refused = attempt(
                lambda: house.sessions.end(claims.sub, session.session_id, sessions.REVOKED, self.now)
            )
            assert refused is None or (isinstance(refused, NotFoundError) and session.is_over(self.now))
            house.feed.hurry()
            session.end(sessions.REVOKED, self.now)

    # --- The administrator

    @rule(number=st.integers(0, 1), scope=_scopes, disabled=st.sampled_from([False, False, True]))
    def administer(self, number: int, scope: Scope, disabled: bool) -> None:  # noqa: FBT001
        user = self.users[number]
        user.scope, user.disabled = scope, disabled
        self.write(user, "granted_scope", serialize(scope))
        self.write(user, "disabled", disabled)

    def write(self, user: User, attribute: str, value: object) -> None:
        table = self.containers[0].users.table
        key = user_store.key(user.username)
        table.update(key, f"SET {attribute} = :value", {":value": value}, "attribute_exists(pk)")

    # --- The end

    @rule(user=st.integers(0, 1), container=_containers)
    def list_sessions(self, user: int, container: int) -> None:
        """Every living session is listed as such, and every ended one with the first reason."""
        owner = self.users[user]
        page, _ = self.containers[container].sessions.page(owner.username, None, self.now)
        listed = {session.session_id: session for session in page}
        for session in owner.sessions:
            if self.now < session.expires():
                told = listed[session.session_id]
                ended = session.ended
                assert told.ended_at == (ended.at if ended else None)
                assert told.reason in (ended.reasons if ended else {None})

    def teardown(self) -> None:
        """In the end: nothing that ended comes back, and an interval later none of it is let in anywhere."""
        for number, user in enumerate(getattr(self, "users", ())):
            house = self.containers[number]
            self.list_sessions(number, 0)
            for session in user.sessions:
                if session.newest:
                    self.presented(
                        session.newest, Client(user, session.newest, session.access_tokens[-1]), house, None
                    )
            self.now += model.REVOCATION_INTERVAL
            for session in user.sessions:
                for token in session.access_tokens:
                    self.admitted(token, house)


def kept_by(claims: AccessTokenClaims) -> Kept | None:
    return Kept(claims.sid, claims.session_epoch) if claims.sid else None


def attempt(act: Callable[[], T]) -> T | GatehouseError:
    """What `act` returned, or how it was refused."""
    try:
        return act()
    except GatehouseError as error:
        return error
