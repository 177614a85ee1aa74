"""What clients, thieves, users and operators may do, in any order, as a state machine of hypothesis."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, rule

from chalicelib.accounts.sessions import Kept
from chalicelib.accounts.sign_up import PasswordChange
from chalicelib.errors import NotFoundError
from chalicelib.keys.ring import Purpose
from chalicelib.model import EndReason
from chalicelib.scope import Scope, parse, serialize
from chalicelib.stores import users as user_store
from chalicelib.tokens.access_token_verifier import AccessTokenClaims
from tests.state_machine.model import (
    ACCESS_TOKEN_LIFETIME,
    GRACE,
    IDLE_LIFETIME,
    JWKS_MAX_AGE,
    REVOCATION_INTERVAL,
    AccessToken,
    Client,
    Token,
)
from tests.state_machine.world import DEVICE, Container, World, attempt

_clients = st.sampled_from([0, 0, 1, 2])
_containers = st.integers(0, 1)
_scopes = st.sampled_from([parse(text) for text in ("a b", "a", "b", "", "a b c")])
_asked = st.none() | _scopes

# Seconds: often none, or about the grace; and what ends more than a grace.
_MOMENTS = [0, 0, 0, 1, 2, REVOCATION_INTERVAL, GRACE // 2, GRACE - 1, GRACE, GRACE + 1]
_WHILES = [JWKS_MAX_AGE, ACCESS_TOKEN_LIFETIME, IDLE_LIFETIME - GRACE, IDLE_LIFETIME - 1, IDLE_LIFETIME]
_moments = st.sampled_from(_MOMENTS)
_whiles = st.sampled_from(_WHILES)


# --- How a user ends sessions: in the services, and in the model

Ending = Callable[[World, Client, Container, AccessTokenClaims], None]


def log_out(world: World, client: Client, services: Container, claims: AccessTokenClaims) -> None:
    session = client.access_token.session
    services.session_store.end(claims.sub, session.session_id, EndReason.LOGOUT, world.now)
    session.end(EndReason.LOGOUT, world.now)


def log_out_everywhere(world: World, client: Client, services: Container, claims: AccessTokenClaims) -> None:
    services.sessions.end_all(client.user.sub, EndReason.LOGOUT_ALL, world.now)
    client.user.end_sessions(EndReason.LOGOUT_ALL, world.now)


def log_out_elsewhere(world: World, client: Client, services: Container, claims: AccessTokenClaims) -> None:
    reason, name, kept = EndReason.LOGOUT_OTHERS, client.user.sub, _kept(claims)
    world.other_sessions_ended(client, reason, lambda: services.sessions.end_all(name, reason, world.now, kept))


def change_password(world: World, client: Client, services: Container, claims: AccessTokenClaims) -> None:
    user, new = client.user, f"the password of {world.now}, {len(client.user.sessions)}"
    if not user.disabled:
        change = PasswordChange(user.sub, user.password, new, DEVICE, _kept(claims))
        change_it = partial(services.accounts.change_password, change, world.now)
        if world.other_sessions_ended(client, EndReason.PASSWORD_CHANGED, change_it):
            user.password = new


def end_others_one_by_one(world: World, client: Client, services: Container, claims: AccessTokenClaims) -> None:
    """By their lines in the list, where they may stand as ended."""
    for session in client.user.sessions:
        if session is not client.access_token.session:
            end = partial(services.sessions.end, claims.sub, session.session_id, EndReason.REVOKED, world.now)
            refused = attempt(end)
            assert refused is None or (isinstance(refused, NotFoundError) and session.is_over(world.now))
            if refused is None:  # what time has ended stands in no list, and is left as it is
                session.end(EndReason.REVOKED, world.now)


def _kept(claims: AccessTokenClaims) -> Kept | None:
    return Kept(claims.sid, claims.session_epoch) if claims.sid else None


ENDINGS = (log_out_elsewhere, log_out_everywhere, change_password, log_out, end_others_one_by_one)
_ending = st.tuples(_clients, _containers, st.sampled_from(ENDINGS))


class SessionMachine(World, RuleBasedStateMachine):
    """Each rule is one request, or one thing that happens behind the doors."""

    thieves = Bundle("thieves")

    @initialize(max_sessions=st.sampled_from([0, 2]))
    def open(self, max_sessions: int) -> None:
        self.build(max_sessions)

    @rule(seconds=_whiles, container=_containers)
    def go_on(self, seconds: int, container: int) -> None:
        """A longer while, after which every client refreshes."""
        self.now += seconds
        for number in range(len(self.clients)):
            self.refresh(0, number, container, None, [])

    # --- Clients

    @rule(pause=_moments, number=_clients, container=_containers, asked=_asked)
    def sign_in(self, pause: int, number: int, container: int, asked: Scope | None) -> None:
        self.now += pause
        client = self.clients[number]
        if not client.user.disabled:
            client.token, client.access_token = self.signed_in(client.user, self.containers[container], asked)

    @rule(
        pause=_moments,
        number=_clients,
        container=_containers,
        narrowed=_asked,
        lost=st.lists(_moments, max_size=2),
    )
    def refresh(self, pause: int, number: int, container: int, narrowed: Scope | None, lost: list[int]) -> None:
        """Until an answer is seen, each try so long after one that got `lost`. Signs in anew where refused."""
        client, answer = self.clients[number], None
        for seconds in (pause, *lost):
            self.now += seconds
            answer = self.refreshed(client, self.containers[container], narrowed)
        if answer:
            client.token, client.access_token = answer
        else:
            self.sign_in(0, number, container, None)

    @rule(pause=_moments, number=_clients, container=_containers, late=st.booleans())
    def refresh_in_vain(self, pause: int, number: int, container: int, late: bool) -> None:
        """The answer is lost; or the request is late, perhaps for ever."""
        self.now += pause
        client = self.clients[number]
        if late:
            client.sent.append(client.token)
        else:
            self.refreshed(client, self.containers[container], None)

    @rule(pause=_moments, number=_clients, container=_containers, ago=st.integers(1, 3))
    def deliver_an_earlier_request(self, pause: int, number: int, container: int, ago: int) -> None:
        """For the first time or once more; nobody sees the answer."""
        self.now += pause
        client = self.clients[number]
        for sent in client.sent[-ago:][:1]:
            may_end = sent.session.ended or not client.may_repeat(sent, self.now)
            self.presented(sent, client, self.containers[container])
            assert may_end or not sent.session.ended

    def refreshed(
        self, client: Client, services: Container, narrowed: Scope | None
    ) -> tuple[Token, AccessToken] | None:
        """The client's own refresh, and the promise to it. The answer, if there is one."""
        client.sent.append(client.token)
        owed = client.is_owed_an_answer(self.now)
        answer = self.presented(client.token, client, services, narrowed)
        assert answer or not owed
        return answer

    # --- Thieves

    @rule(target=thieves, number=_clients)
    def steal(self, number: int) -> Client:
        """A thief does as a client does, with a copy of what it holds."""
        client = self.clients[number]
        return Client(client.user, client.token, client.access_token)

    @rule(pause=_moments, thief=thieves, container=_containers)
    def refresh_as_a_thief(self, pause: int, thief: Client, container: int) -> None:
        self.now += pause
        answer = self.presented(thief.token, thief, self.containers[container])
        if answer:
            thief.token, thief.access_token = answer

    # --- Users

    @rule(pause=_moments, number=_clients, container=_containers)
    def look_at_the_sessions(self, pause: int, number: int, container: int) -> None:
        self.now += pause
        client, services = self.clients[number], self.containers[container]
        self.admitted(client.access_token, services)
        self.listed(client.user, services)

    @rule(pause=_moments, asked=st.tuples(_ending, _ending) | st.tuples(_ending))
    def end_sessions(self, pause: int, asked: tuple[tuple[int, int, Ending], ...]) -> None:
        """By requests at once: all are through the front door before any acts. Then all who asked refresh."""
        self.now += pause
        requests = [(self.clients[number], self.containers[container], how) for number, container, how in asked]
        let_in = [self.admitted(client.access_token, services) for client, services, _ in requests]
        for (client, services, how), claims in zip(requests, let_in, strict=True):
            if claims:
                how(self, client, services, claims)
        for number, container, _ in asked:
            self.refresh(0, number, container, None, [])

    # --- Operators

    @rule(number=st.integers(0, 1), scope=_scopes)
    def grant(self, number: int, scope: Scope) -> None:
        user = self.users[number]
        user.scope = scope
        table, key = self.containers[0].users.table, user_store.key(user.sub)
        table.update(key, "SET granted_scope = :scope", {":scope": serialize(scope)}, "attribute_exists(pk)")

    @rule(number=st.integers(0, 1), container=_containers)
    def disable(self, number: int, container: int) -> None:
        user, services = self.users[number], self.containers[container]
        services.sessions.end_all(user.sub, EndReason.DISABLED, self.now)
        user.disabled = True
        user.end_sessions(EndReason.DISABLED, self.now)

    @rule(number=st.integers(0, 1), container=_containers)
    def enable(self, number: int, container: int) -> None:
        user, services = self.users[number], self.containers[container]
        record = services.users.by_sub(user.sub)
        assert record is not None
        services.accounts.enable(record, self.now)
        user.disabled = False

    @rule(number=st.integers(0, 3))
    def operate(self, number: int) -> None:
        """What goes on behind the doors and nobody may notice."""
        tables, containers = self.containers[0].tables, self.containers
        (
            lambda: self.force(Purpose.REFRESH_TOKEN),
            lambda: self.force(Purpose.ACCESS_TOKEN),
            lambda: containers.insert(0, replace(containers.pop())),
            lambda: tables.delete_expired(self.now),
        )[number]()

    # --- The end

    def teardown(self) -> None:
        """Nothing that ended comes back, and an interval later none of it is let in anywhere."""
        for user in getattr(self, "users", ()):
            self.listed(user, self.containers[0])
            for session in user.sessions:
                if session.newest:
                    self.presented(session.newest, session, self.containers[0])
        for services in getattr(self, "containers", ()):
            self.now += REVOCATION_INTERVAL
            for session in (session for user in self.users for session in user.sessions):
                for token in session.access_tokens:
                    if self.now < token.expires:
                        self.admitted(token, services)
