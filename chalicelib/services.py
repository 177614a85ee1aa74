"""The composition root: settings, then stores, then what serves; once for each container."""

import os
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from threading import Lock
from typing import Any

from chalicelib import issuer, settings
from chalicelib.accounts.credentials import Credentials
from chalicelib.accounts.password import PROFILES, Passwords, Profile
from chalicelib.accounts.sessions import SessionLimits, Sessions
from chalicelib.accounts.sign_up import Accounts
from chalicelib.accounts.throttle import Limit, Limits
from chalicelib.grants.grant import Grant
from chalicelib.grants.password import PasswordGrant
from chalicelib.grants.refresh_token import RefreshTokenGrant
from chalicelib.grants.token_endpoint import TokenEndpoint
from chalicelib.grants.token_issuer import TokenIssuer
from chalicelib.ids import TimeOrderedIds
from chalicelib.keys import timing
from chalicelib.keys.cache import KeyCache
from chalicelib.keys.rotation import KeyRotation
from chalicelib.model import FIRST_PARTY
from chalicelib.oauth.clients import Client
from chalicelib.sample.comment_store import CommentStore
from chalicelib.sample.comments import Comments
from chalicelib.settings import Settings
from chalicelib.stores.attempts import AttemptStore
from chalicelib.stores.aws import connect
from chalicelib.stores.dynamodb import Table
from chalicelib.stores.event_bus import EventBridgeBus
from chalicelib.stores.keys import KeyRingStore, Sealer
from chalicelib.stores.revocations import RevocationStore, revocation_store
from chalicelib.stores.sessions import SessionStore
from chalicelib.stores.sign_ins import SignInStore
from chalicelib.stores.users import UserStore
from chalicelib.telemetry.events import Measure, Telemetry
from chalicelib.telemetry.log import TelemetryLog
from chalicelib.tokens.claims import UnfitTokenError, check_record
from chalicelib.tokens.revocation_feed import Feed


@dataclass(frozen=True)
class Services:
    """Everything that serves, put together. Building it makes no call; its parts connect when first used."""

    settings: Settings
    profile: Profile
    telemetry: Telemetry
    clock: Callable[[], float] = time.time
    random_bytes: Callable[[int], bytes] = secrets.token_bytes
    region: str = ""
    former_profile: Profile | None = None

    def now(self) -> int:
        """The NumericDate."""
        return int(self.clock())

    def issuer(self, request_context: Mapping[str, Any]) -> str:
        """The issuer of the API that API Gateway says was called."""
        api_id, stage = request_context.get("apiId", ""), request_context.get("stage", "")
        return issuer.issuer_of(self.settings, api_id, self.region, stage)

    @cached_property
    def new_id(self) -> TimeOrderedIds:
        """Makes the ids of sessions and comments, which sort by time."""
        return TimeOrderedIds(self.clock, self.random_bytes)

    @cached_property
    def users(self) -> UserStore:
        return UserStore(self._table(self.settings.users_table), self.revocations)

    @cached_property
    def session_store(self) -> SessionStore:
        return SessionStore(self._table(self.settings.sessions_table), self.revocations)

    @cached_property
    def sessions(self) -> Sessions:
        limits = SessionLimits(self.settings.max_sessions, self.settings.session_absolute_lifetime)
        return Sessions(self.users, self.session_store, self.revocations, self.telemetry, limits)

    @cached_property
    def revocations(self) -> RevocationStore:
        return revocation_store(self.settings, self._client, lambda entry: self.feed.note(entry))

    @cached_property
    def feed(self) -> Feed:
        given = self.settings
        lagging = partial(self.telemetry.measure, Measure.FEED_LAG)
        return Feed(self.revocations, given.revocation_interval, given.revocation_tolerance, lagging)

    @cached_property
    def key_store(self) -> KeyRingStore:
        sealer = Sealer(connect("kms"), self.settings.kms_key, self.settings.stage)
        return KeyRingStore(self._table(self.settings.keys_table), sealer, self.revocations)

    @cached_property
    def keys(self) -> KeyCache:
        given = self.settings
        return KeyCache(
            self.key_store,
            timing.token_lifetimes(given),
            given.signing_alg,
            max_age=timing.cache_max_age(given),
            revoked=lambda now: self.feed.current(now).keys(),
            revocations_last=given.access_token_lifetime,
        )

    @cached_property
    def rotation(self) -> KeyRotation:
        policies = timing.rotation_policies(self.settings)
        lifetimes = timing.token_lifetimes(self.settings)
        return KeyRotation(self.key_store, self.telemetry, policies, lifetimes, self.random_bytes)

    @cached_property
    def passwords(self) -> Passwords:
        return Passwords(self.profile, self.random_bytes, self.former_profile)

    @cached_property
    def limits(self) -> Limits:
        return _limits(self.settings)

    @cached_property
    def attempts(self) -> AttemptStore:
        return AttemptStore(self._table(self.settings.attempts_table), self.limits)

    @cached_property
    def credentials(self) -> Credentials:
        sign_ins = SignInStore(self.users, self.attempts)
        return Credentials(sign_ins, self.passwords, self.limits, self.telemetry)

    @cached_property
    def accounts(self) -> Accounts:
        return Accounts(
            users=self.users,
            credentials=self.credentials,
            passwords=self.passwords,
            events=self.telemetry,
            random_bytes=self.random_bytes,
            default_scope=self.settings.default_scope,
            requests=self.attempts,
        )

    @cached_property
    def comments(self) -> Comments:
        store = CommentStore(self._table(self.settings.comments_table))
        return Comments(store, self.users, self.new_id)

    @cached_property
    def first_party(self) -> Client:
        """The client of the first-party routes: public, for it is our own front end."""
        given = self.settings
        return Client(
            client_id=FIRST_PARTY,
            grant_types=frozenset({"password", "refresh_token"}),
            access_token_lifetime=given.access_token_lifetime,
            idle_lifetime=given.session_idle_lifetime,
            absolute_lifetime=given.session_absolute_lifetime,
            refresh_grace=given.refresh_grace,
        )

    @cached_property
    def token_endpoint(self) -> TokenEndpoint:
        grants: dict[str, Grant] = {"password": self.password_grant, "refresh_token": self.refresh_token_grant}
        return TokenEndpoint(grants, TokenIssuer(self.keys, self.random_bytes), self.telemetry)

    @cached_property
    def password_grant(self) -> PasswordGrant:
        return PasswordGrant(self.credentials, self.users, self.sessions, self.random_bytes, self.new_id)

    @cached_property
    def refresh_token_grant(self) -> RefreshTokenGrant:
        return RefreshTokenGrant(self.users, self.session_store, self.sessions, self.keys, self.telemetry)

    @cached_property
    def _client(self) -> Any:
        return connect("dynamodb")

    def _table(self, name: str) -> Table:
        return Table(self._client, name)


def _limits(given: Settings) -> Limits:
    window = given.sign_in_failures_window
    return Limits(
        pair=Limit(given.sign_in_failures, window),
        address=Limit(given.sign_in_failures_of_address, window),
        username=Limit(given.sign_in_failures_of_username, given.sign_in_failures_of_username_window),
        hashing=Limit(given.hashing_requests_of_address, window),
    )


def checked_settings(environment: Mapping[str, str]) -> Settings:
    """The settings that `environment` names, held against what tokens and keys need. Raises `SettingsError`."""
    given = settings.from_environment(environment)
    try:
        check_record({}, given.default_scope)
    except UnfitTokenError as error:
        raise settings.SettingsError(f"GATEHOUSE_DEFAULT_SCOPE must fit into a token: {error}") from None
    timing.check_rotation_period(given)
    return given


def assemble(environment: Mapping[str, str]) -> Services:
    """The services that `environment` describes. Raises `SettingsError`."""
    given = checked_settings(environment)
    telemetry = TelemetryLog(given.stage, EventBridgeBus(given.event_bus) if given.event_bus else None)
    profile, former = PROFILES[given.password_profile], PROFILES.get(given.former_password_profile)
    return Services(given, profile, telemetry, region=environment.get("AWS_REGION", ""), former_profile=former)


_lock = Lock()
_current: Services | None = None


def current() -> Services:
    """This container's runtime, assembled from the environment when it is first needed."""
    global _current
    with _lock:
        if _current is None:
            _current = assemble(os.environ)
        return _current


def install(replacement: Services | None) -> None:
    """Puts `replacement` in the place of this container's services; `None` forgets it."""
    global _current
    with _lock:
        _current = replacement
