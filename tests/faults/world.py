"""A stage of its own on ministack, one container that serves it through a proxy, and a client of it."""

import json
import os
import re
import secrets
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.client import HTTPConnection
from itertools import count
from threading import Lock, local
from typing import Any, cast
from unittest import mock

from botocore.retries import standard

from app import app
from chalicelib import authorizer
from chalicelib.gate.decision import Gate
from chalicelib.keys.rotation import KEPT_WHEN_GONE
from chalicelib.model import User
from chalicelib.services import Services, assemble, install
from chalicelib.stores import aws
from infra import demo
from infra.local.gateway import Gateway
from tests.conftest import ADMIN_SCOPE, CHEAP, new_user
from tests.faults.proxy import Plan, Proxy
from tests.support.callers import at as at_address
from tests.support.client import Client, Clock
from tests.support.patience import END
from tests.support.token_requests import by_password

Tables = dict[str, dict[str, Any]]  # by table, then by item

_here = local()  # the world that this thread works in
_connecting = Lock()
_REALM = ("https://gatehouse.example", "https://gatehouse.example")  # issuer and audience
_FULL = 500  # tokens of botocore's retry quota

USERS, SESSIONS, COMMENTS, ATTEMPTS = (
    f"GATEHOUSE_{name}_TABLE" for name in ("USERS", "SESSIONS", "COMMENTS", "ATTEMPTS")
)
_COUNTED = ("failures", "generation", "session_epoch")


@dataclass
class Signed:
    """A user with two sessions, one of them theirs who send the request."""

    user: User
    access_token: str
    refresh_token: str
    other_refresh_token: str
    older_refresh_token: str = ""
    comment_id: str = ""
    kid: str = ""


@dataclass
class World:
    """`aws` is the port of ministack; `tables` this world's own, by the setting that names each."""

    aws: int
    environment: Mapping[str, str]
    gateway: Gateway
    clock: Clock
    faulty: bool = False
    proxy: Proxy = field(init=False)
    container: Services = field(init=False)  # through the proxy
    direct: Services = field(init=False)
    gate: Gate = field(init=False)

    def __post_init__(self) -> None:
        _here.world = self
        self._clients: dict[tuple[str, int], Any] = {}
        self._port = self.aws
        self._quotas: list[Any] = []
        self._addresses = count(1)
        self._read: Tables = {}
        self._http = HTTPConnection("127.0.0.1", self.aws, timeout=END)
        self.proxy = Proxy(self.aws)
        made = replace(assemble({**os.environ, **self.environment}), profile=CHEAP, clock=self.clock)
        self.direct, self.container = made, replace(made)
        demo.add_keys(made)
        self.clock.advance(1)  # so that there was a time before, too
        self.old_ring = self._old_ring()
        self.spare = self.container
        self._port = self.proxy.port
        self.gate = Gate(made.settings, authorizer.PROTECTED, self._fetch, self._gate_clock)
        self.client = Client(self.gateway)

    def warm(self) -> None:
        """Lets container and gate have all their keys, and the container the feed."""
        with self.serving():
            tokens = self.client.sign_in(new_user(self.direct).username).json
            assert self.client.get("/me", tokens["access_token"]).status == 200
            assert self.client.refresh(tokens["refresh_token"]).status == 200
            # With an entry of today the feed's next pull is one read.
            self.direct.revocations.end_token("client", "tok_1", self.direct.now())
            self.container.feed._tried_at = None
            self.container.feed.current(self.container.now())

    def close(self) -> None:
        """Ends every connection."""
        self.proxy.close()
        self._http.close()
        for client in self._clients.values():
            client.close()

    @contextmanager
    def serving(self, services: Services | None = None) -> Iterator[None]:
        """This thread's requests are served by `services`; as it stands, by the warm container."""
        before = vars(_here).copy()
        vars(_here).update(world=self, services=services or self.container, gate=self.gate)
        yield
        vars(_here).clear()
        vars(_here).update(before)

    def connect(self, service: str) -> Any:
        key = service, self._port
        if key not in self._clients:
            endpoint = {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{self._port}"}
            with _connecting, mock.patch.dict(os.environ, endpoint):
                self._clients[key] = client = aws.connect(service)  # type: ignore[call-overload]
            client.meta.events.unregister(f"needs-retry.{service}", unique_id=f"retry-config-{service}")
            handler: Any = standard.register_retry_handler(client, max_attempts=3)
            self._quotas.append(handler._retry_quota._quota)
        return self._clients[key]

    def rested(self) -> None:
        """Gives the clients all of their retry quota again, as those of a new container have it."""
        for quota in self._quotas:
            quota.release(_FULL)

    @contextmanager
    def spoilt(self, plan: Plan | None) -> Iterator[None]:
        """Things go wrong as planned; nobody can reach the JWK Set, and the gate's copy is too old."""
        self.rested()
        self.proxy.begin(plan)
        self.faulty = True
        try:
            yield
        finally:
            self.faulty = False
            self.proxy.begin(None)

    def tables(self) -> Tables:
        """Every item of every table. One that AWS has got no write for stands as it was."""
        written = self.proxy.taken_writes()
        for name, table in self.environment.items():
            if name.endswith("_TABLE") and (name not in self._read or table in written):
                self._read = {**self._read, name: self.scan(table)}
        return self._read

    def changed_behind_the_proxy(self, *names: str) -> None:
        """Somebody has written there without it."""
        self._read = {name: items for name, items in self._read.items() if name not in names}

    def scan(self, table: str) -> dict[str, Any]:
        items = self.ask("Scan", {"TableName": table})["Items"]
        return {json.dumps(_key(item)): item for item in items}

    def ask(self, operation: str, parameters: object) -> Any:
        """A call to ministack without boto3, which takes longer."""
        credential = "AWS4-HMAC-SHA256 Credential=emulated/20260101/us-east-1/dynamodb/aws4_request"
        headers = {
            "X-Amz-Target": f"DynamoDB_20120810.{operation}",
            "Content-Type": "application/x-amz-json-1.0",
            "Authorization": f"{credential}, SignedHeaders=host, Signature=0",
        }
        self._http.request("POST", "/", json.dumps(parameters), headers)
        response = self._http.getresponse()
        body = response.read()
        assert response.status == 200, body
        return json.loads(body)

    def spare_ring(self) -> Services:
        """A container with a ring of its own, as old as it can be: everything is due and something is over."""
        table = self.environment["SPARE_KEYS_TABLE"]
        self.clock.advance(1)  # an entry of the feed is named by its time
        for item in self.scan(table).values():
            self.ask("DeleteItem", {"TableName": table, "Key": {"ring": item["ring"], "slot": item["slot"]}})
        for item in self.old_ring:
            self.ask("PutItem", {"TableName": table, "Item": item})
        self.changed_behind_the_proxy("SPARE_KEYS_TABLE")
        settings = self.container.settings._replace(keys_table=table)
        clock = lambda: self.clock() + 4 * settings.key_rotation_period + KEPT_WHEN_GONE  # noqa: E731
        return replace(self.container, settings=settings, clock=clock)

    def _old_ring(self) -> list[Any]:
        settings = self.direct.settings._replace(keys_table=self.environment["SPARE_KEYS_TABLE"])
        services = replace(self.direct, settings=settings)
        for runs in range(2):
            services.rotation.run(services.now() + runs * settings.key_rotation_period)
        return list(self.scan(settings.keys_table).values())

    def signed_in(self) -> Signed:
        """A new user, with two sessions from before."""
        user = new_user(self.direct, ADMIN_SCOPE)
        asked = by_password(self.direct, user.username, "demo-password")
        other, own = (self.direct.token_endpoint(replace(asked, now=at)) for at in (asked.now - 1, asked.now))
        # From an address of its own, or its failures would be counted with those of others.
        self.client = at_address(Client(self.gateway), f"2001:db8::{next(self._addresses):x}")
        self.changed_behind_the_proxy(USERS, SESSIONS)
        return Signed(user, own.access_token, own.refresh_token, other.refresh_token)

    def _fetch(self, _: str) -> bytes:
        if self.faulty:
            raise OSError("nobody is there")
        return json.dumps(self.direct.keys.ring(self.direct.now()).jwk_set(self.direct.now())).encode()

    def _gate_clock(self) -> float:
        return self.clock() + (self.direct.settings.jwks_max_age if self.faulty else 0)


def _key(item: Mapping[str, Any]) -> list[Any]:
    names = ("pk", "sub", "session_id", "collection", "comment_id", "bucket", "id", "ring", "slot")
    return [item[name] for name in names if name in item and not ("pk" in item and name != "pk")]


def effect(before: Tables, after: Tables) -> Counter[str]:
    """What changed, in words that are the same for each run."""
    return Counter(
        f"{table}: {words}"
        for table in after
        for key in before[table].keys() | after[table].keys()
        if (words := _change(before[table].get(key), after[table].get(key)))
    )


def _change(old: Any, new: Any) -> str:
    if old == new:
        return ""
    if old is None or new is None:
        return "added" if old is None else "removed"
    changed = sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))
    return ", ".join(name + _step(name, old.get(name), new.get(name)) for name in changed)


def _step(name: str, old: Any, new: Any) -> str:
    if name in _COUNTED and old and new:
        return f"+{int(new['N']) - int(old['N'])}"
    if old and new and "L" in old:
        return f"+{len(new['L']) - len(old['L'])}"
    return ""


class _PerThread:
    """Stands for what each thread has of its own."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        return getattr(getattr(_here, self._name), name)


@contextmanager
def per_thread() -> Iterator[None]:
    """Lets each thread be served by its own container and gate."""
    with (
        mock.patch("chalicelib.services.connect", lambda service: _here.world.connect(service)),
        mock.patch.object(authorizer, "GATE", _PerThread("gate")),
    ):
        install(cast("Services", _PerThread("services")))
        try:
            yield
        finally:
            install(None)


def builder(environment: Mapping[str, str], start: int) -> Callable[[], World]:
    """Makes worlds, each with tables of its own like those of the stack that `environment` names."""
    tables = {name: table for name, table in environment.items() if re.fullmatch("GATEHOUSE_.*_TABLE", name)}
    tables["SPARE_KEYS_TABLE"] = tables["GATEHOUSE_KEYS_TABLE"]
    port = int(environment["AWS_ENDPOINT_URL"].rpartition(":")[2])
    gateway = Gateway(app, _never_again())
    with _connecting, mock.patch.dict(os.environ, environment):
        dynamodb = aws.connect("dynamodb")
    described = {name: dynamodb.describe_table(TableName=table)["Table"] for name, table in tables.items()}

    def build() -> World:
        names = {name: f"{name}-{secrets.token_hex(6)}" for name in tables}
        for name, table in described.items():
            dynamodb.create_table(
                TableName=names[name],
                KeySchema=table["KeySchema"],
                AttributeDefinitions=table["AttributeDefinitions"],
                BillingMode="PAY_PER_REQUEST",
            )
        return World(port, {**environment, **names}, gateway, Clock(start))

    return build


def _never_again() -> Callable[[], float]:
    """A clock by which every answer of the gate is too old to be used again."""
    ticks = iter(range(0, 10**9, 1_000))
    return lambda: next(ticks)
