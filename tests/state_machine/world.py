"""The services over tables in memory, and what it answers, held against the model."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from random import Random
from typing import Any, TypeVar

from chalicelib import base64url
from chalicelib.errors import GatehouseError, InvalidGrantError, InvalidTokenError
from chalicelib.grants.grant import TokenRequest
from chalicelib.ids import new_id
from chalicelib.keys.jwk_set import parse_jwk_set
from chalicelib.keys.ring import Purpose
from chalicelib.keys.timing import lead
from chalicelib.model import Device, EndReason, TokenResponse
from chalicelib.model import User as Record
from chalicelib.scope import Scope, granted, parse
from chalicelib.services import Services
from chalicelib.settings import Settings
from chalicelib.stores.keys import KeyRingStore, Sealer
from chalicelib.telemetry.events import Telemetry
from chalicelib.tokens import refresh_token
from chalicelib.tokens.access_token_verifier import AccessTokenClaims, verify
from tests.conftest import CHEAP
from tests.state_machine import memory, model
from tests.state_machine.model import AccessToken, Client, Session, Token, User

SETTINGS = Settings(
    **{f"{name.lower()}_table": name for name in memory.table_keys()},  # type: ignore[arg-type]
    access_token_lifetime=model.ACCESS_TOKEN_LIFETIME,
    session_idle_lifetime=model.IDLE_LIFETIME,
    session_absolute_lifetime=model.ABSOLUTE_LIFETIME,
    refresh_grace=model.GRACE,
    jwks_max_age=model.JWKS_MAX_AGE,
    revocation_interval=model.REVOCATION_INTERVAL,
)
REALM = ("https://gatehouse.example", "https://gatehouse.example")  # issuer and audience
DEVICE = Device("192.0.2.7", "client")

T = TypeVar("T")

# Reading one takes longer than most steps.
read_jwk_set = lru_cache(parse_jwk_set)


def attempt(act: Callable[[], T]) -> T | GatehouseError:
    """What `act` returned, or how it was refused."""
    try:
        return act()
    except GatehouseError as error:
        return error


class Silent:
    """Where nobody listens."""

    def record(self, event: object) -> None:
        """Forgets `event`."""

    def measure(self, measure: object, value: int) -> None:
        """Forgets `value`."""


@dataclass(frozen=True)
class Container(Services):
    """The services as one container has it."""

    telemetry: Telemetry = field(default_factory=Silent)
    tables: memory.DynamoDB = field(default_factory=memory.DynamoDB)
    kms: Any = field(default_factory=memory.Kms)

    @cached_property
    def key_store(self) -> KeyRingStore:
        return KeyRingStore(self._table(self.settings.keys_table), Sealer(self.kms, "", "local"), self.revocations)

    @cached_property
    def _client(self) -> Any:
        return self.tables


class World:
    """Two containers over the same tables, two users, one with two clients; and one clock. `now` is its time."""

    def build(self, max_sessions: int) -> None:
        """Begins anew, with every client signed in. `max_sessions` as in the settings."""
        self.now = 1_800_000_000
        self.max_sessions = max_sessions
        random_bytes = Random(0).randbytes  # noqa: S311
        first = Container(
            SETTINGS._replace(max_sessions=max_sessions), CHEAP, Silent(), lambda: self.now, random_bytes
        )
        self.containers = [first, replace(first)]
        first.rotation.run(self.now)
        self.texts: dict[tuple[str, int, str], str] = {}
        self.users = [self.sign_up(name) for name in ("ada", "grace")]
        self.clients = [Client(user, *self.signed_in(user, first, None)) for user in (self.users * 2)[:3]]

    def force(self, purpose: Purpose) -> None:
        """Lets the standby sign, if everybody has it by now: sooner, the docs promise nothing."""
        rotation = self.containers[0].rotation
        published = (entry.published_at for entry in rotation.ring().trusted(purpose))
        if self.now >= max(published) + lead(SETTINGS):
            rotation.force(purpose, self.now)

    def sign_up(self, name: str) -> User:
        services = self.containers[0]
        user = User(name, new_id(services.random_bytes), "the first password", parse("a b"))
        services.users.add(Record(user.sub, name, None, services.passwords.hash(user.password), user.scope))
        return user

    # --- Tokens

    def request(self, grant_type: str, services: Container, scope: Scope | None) -> TokenRequest:
        """A token request of the first-party client, now."""
        return TokenRequest(grant_type, services.first_party, scope, DEVICE, *REALM, self.now)

    def signed_in(self, user: User, services: Container, asked: Scope | None) -> tuple[Token, AccessToken]:
        """A new session of `user`."""
        services.feed.current(self.now)  # as the front door does
        response = services.token_endpoint(
            replace(self.request("password", services, asked), username=user.username, password=user.password)
        )
        session_id = refresh_token.read(response.refresh_token, services.keys, self.now).session_id
        if self.max_sessions:
            for oldest in user.living(self.now)[: 1 - self.max_sessions]:
                oldest.end(EndReason.SESSION_LIMIT, self.now)
        session = Session(user, session_id, asked, self.now)
        user.sessions.append(session)
        return self.handed_out(response, session, 0, None)

    def presented(
        self, token: Token, holder: object, services: Container, narrowed: Scope | None = None
    ) -> tuple[Token, AccessToken] | None:
        """`holder` presents `token` to the model and to the services. The answer, if there is one."""
        session = token.session
        found_out = session.has_two_holders(token.generation, holder, self.now)
        expected = session.present(token.generation, holder, self.now)
        assert session.is_over(self.now) or not found_out
        services.feed.current(self.now)  # as the front door does
        request = replace(self.request("refresh_token", services, narrowed), refresh_token=token.text)
        response = attempt(lambda: services.token_endpoint(request))
        if expected is None:
            assert isinstance(response, InvalidGrantError)
            self.forgive_a_forgotten_token(token)
            return None
        assert isinstance(response, TokenResponse)
        return self.handed_out(response, session, expected, narrowed)

    def handed_out(
        self, response: TokenResponse, session: Session, generation: int, narrowed: Scope | None
    ) -> tuple[Token, AccessToken]:
        """Looks at an answer for `session`, which must be of `generation`."""
        text = response.refresh_token
        reader = self.containers[generation % 2]  # whose ring may be older than that of the one that answered
        read = refresh_token.read(text, reader.keys, self.now)
        assert (read.session_id, read.generation) == (session.session_id, generation)
        # A replay gets the same generation; the same bytes too, while one HMAC key makes them.
        key_id = base64url.decode(text.removeprefix(refresh_token.PREFIX))[53:57].hex()
        assert self.texts.setdefault((session.session_id, generation, key_id), text) == text
        # Never more than the user has now.
        assert response.scope == granted(session.user.scope, session.asked_scope, narrowed)
        claims = self.verified(response.access_token, reader)
        assert (claims.sid, claims.scope) == (session.session_id, response.scope)
        access_token = AccessToken(session, response.access_token, self.now + model.ACCESS_TOKEN_LIFETIME)
        session.access_tokens.append(access_token)
        session.newest = Token(session, read.sub, generation, text, self.now)
        return session.newest, access_token

    def forgive_a_forgotten_token(self, token: Token) -> None:
        """A token whose key may be gone is refused; whether it ended its session, only the services can tell."""
        forgotten = self.now >= token.made_at + model.IDLE_LIFETIME + model.GRACE
        ended = token.session.ended
        if forgotten and ended and (ended.at, ended.reasons) == (self.now, frozenset({EndReason.REUSE})):
            stored = self.containers[0].session_store.get(token.sub, token.session.session_id)
            token.session.ended = ended if stored and stored.ended_at else None

    # --- What an access token opens

    def admitted(self, token: AccessToken, services: Container) -> AccessTokenClaims | None:
        """What the front door makes of it: claims where it lets `token` in, `None` where it answers 401."""
        claims = attempt(lambda: self.verified(token.text, services))
        assert isinstance(claims, InvalidTokenError) == (self.now >= token.expires)
        if not isinstance(claims, AccessTokenClaims):
            return None
        ended = token.session.ended
        refused = services.feed.current(self.now).revokes(claims)
        assert ended or not refused
        assert refused or not ended or self.now < ended.at + model.REVOCATION_INTERVAL
        return None if refused else claims

    def verified(self, access_token: str, services: Container) -> AccessTokenClaims:
        """What the gate reads in `access_token`, by the JWK Set of `services`. Raises `InvalidTokenError`."""
        jwk_set = read_jwk_set(json.dumps(services.keys.ring(self.now).jwk_set(self.now)).encode())
        return verify(access_token, jwk_set.get, issuer=REALM[0], audience=REALM[1], now=self.now)

    # --- Sessions

    def other_sessions_ended(self, client: Client, reason: str, act: Callable[[], None]) -> bool:
        """`client` ends all but its own. What has itself been ended, and was let in for the last interval,
        keeps nothing. Whether it was done."""
        session = client.access_token.session
        refused = attempt(act)
        assert refused is None or (isinstance(refused, InvalidTokenError) and session.ended)
        if refused is None:
            client.user.end_sessions(reason, self.now, kept=session)
        return refused is None

    def listed(self, user: User, services: Container) -> None:
        """Every living session is listed as such, and every ended one with the first reason."""
        page, _ = services.sessions.page(user.sub, None, self.now)
        shown = {session.session_id: session for session in page}
        for session in user.sessions:
            if self.now < session.expires() and session.end_is_remembered():
                told, ended = shown[session.session_id], session.ended
                assert told.ended_at == (ended.at if ended else None)
                assert told.reason in (ended.reasons if ended else {None})
