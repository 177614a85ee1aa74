"""Each operation, done on an emulated AWS as Lambda has it done: its calls counted, its processor time taken.

The API function and the gate are called with API Gateway's events, in this process; the emulator is another one.
"""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from statistics import median
from typing import Any
from urllib.parse import urlencode

from chalice.local import LambdaContext

from bench.client import basic
from bench.scale.counter import Counted, Counter
from bench.scale.units import item_size
from chalicelib import authorizer
from chalicelib.gate.decision import Gate
from chalicelib.ids import new_id
from chalicelib.model import User
from chalicelib.scope import parse
from chalicelib.services import Services, assemble, install
from chalicelib.tokens import refresh_token
from infra import demo
from infra.emulated.lambda_events import proxy_event

# A moment at which the first pull of the feed reads three buckets, the most.
NOW = 1_800_000_000
ISSUER = "https://a1b2c3d4e5.execute-api.us-east-1.amazonaws.com/api"
_METHOD_ARN = "arn:aws:execute-api:us-east-1:123456789012:a1b2c3d4e5/api/GET/me"
_ADDRESS = "203.0.113.17"
_USER_AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
_USERNAME, _PASSWORD = "user@example.com", "a quiet sentence"
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}

SIGN_IN, REFRESH, REQUEST, GATE = "sign-in", "refresh", "protected request", "gate asked"
LOGOUT, LOGOUT_ALL, FEED, NEW = "logout", "logout everywhere", "feed read", "new container"

Ready = Callable[[], Any]
Do = Callable[[Any], object]


@dataclass(frozen=True, slots=True)
class Measured:
    """What each operation asks of AWS, its processor time in milliseconds, and sizes in bytes: of an entry of the
    revocation feed, and of the key ring."""

    counted: Mapping[str, Counted]
    milliseconds: Mapping[str, float]
    entry_size: int
    ring_size: int


def measure(environment: Mapping[str, str], times: int) -> Measured:
    """Does each operation once to count, and so many `times` to take its time, of which the median counts."""
    counter = Counter()
    with counter.watching():
        world = World(environment)
        operations = world.operations()
        counted = {}
        for name, (ready, do) in operations.items():
            made = ready()
            counted[name] = counter.count(lambda do=do, made=made: do(made))  # type: ignore[misc]
        # Before they are repeated: what one user ends within a minute is one entry, which grows.
        entry_size, ring_size = world.size("revocations_table"), world.size("keys_table", of_all=True)
        milliseconds = {
            name: median([_milliseconds(*operation) for _ in range(times)] or [0.0])
            for name, operation in operations.items()
        }
        return Measured(counted, milliseconds, entry_size, ring_size)


def _milliseconds(ready: Ready, do: Do) -> float:
    made = ready()
    before = time.process_time()
    do(made)
    return (time.process_time() - before) * 1000


class World:
    """A deployment on the emulated AWS of `environment`, with one user, and one container of each function."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._services = self._new_services()
        demo.add_keys(self._services)
        self._services.users.add(
            User(
                sub=new_id(self._services.random_bytes),
                username=_USERNAME,
                email=_USERNAME,
                password_hash=self._services.passwords.hash(_PASSWORD),
                scope=parse("comments:read comments:write account"),
            )
        )
        install(self._services)
        self._gate = Gate(self._services.settings, authorizer.PROTECTED, lambda _: self._jwk_set(), lambda: NOW)

    def operations(self) -> dict[str, tuple[Ready, Do]]:
        """For each operation what makes one ready, and the operation itself."""
        return {
            NEW: (lambda: (self._new_services(), self._sign_in()), lambda ready: self._open(*ready)),
            FEED: (self._new_services, lambda services: services.feed.current(NOW)),
            SIGN_IN: (self._warm, lambda _: self._sign_in()),
            REFRESH: (self._sign_in, lambda pair: self._refresh(pair["refresh_token"])),
            GATE: (self._sign_in, lambda pair: self._decide(pair)),
            REQUEST: (self._caller, lambda caller: self._api("GET", "/me", caller=caller)),
            LOGOUT: (self._caller, lambda caller: self._api("POST", "/logout", caller=caller)),
            LOGOUT_ALL: (self._caller, lambda caller: self._api("POST", "/logout", caller=caller, sessions="all")),
        }

    def size(self, table: str, *, of_all: bool = False) -> int:
        """Bytes of the greatest item in a table, by the name of its setting, or of all of them."""
        name = getattr(self._services.settings, table)
        sizes = [item_size(item) for item in self._services.users.table.client.scan(TableName=name)["Items"]]
        return sum(sizes) if of_all else max(sizes)

    def _new_services(self) -> Services:
        return replace(assemble(self._environment), clock=lambda: NOW)

    def _open(self, services: Services, pair: Mapping[str, Any]) -> None:
        services.keys.signing_key(NOW)
        refresh_token.read(pair["refresh_token"], services.keys, NOW)
        services.feed.current(NOW)

    def _jwk_set(self) -> bytes:
        return json.dumps(self._services.keys.ring(NOW).jwk_set(NOW)).encode()

    def _warm(self) -> None:
        """Lets the container pull the feed, where something has just been ended in it."""
        self._services.feed.current(NOW)

    def _sign_in(self) -> Any:
        return self._api("POST", "/tokens", basic(_USERNAME, _PASSWORD))

    def _refresh(self, token: str) -> Any:
        return self._api("POST", "/tokens/refresh", _FORM, urlencode({"refresh_token": token}))

    def _decide(self, pair: Mapping[str, Any]) -> Mapping[str, Any]:
        context: Mapping[str, Any] = self._gate.decide(f"Bearer {pair['access_token']}", _METHOD_ARN)["context"]
        return context

    def _caller(self) -> Mapping[str, str]:
        """What the API function is told of the holder of a new access token."""
        context = self._decide(self._sign_in())
        self._warm()
        return {name: value if isinstance(value, str) else json.dumps(value) for name, value in context.items()}

    def _api(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        body: str = "",
        caller: Mapping[str, str] | None = None,
        **query: str,
    ) -> Any:
        """Invokes the API function, which must do what it is asked, and gives the answer."""
        from app import app  # which reads the environment when it is imported

        sent = {"User-Agent": _USER_AGENT, **(headers or {})}
        event = proxy_event(method, path, sent, body or None, query=query, context=caller)
        event["requestContext"]["identity"]["sourceIp"] = _ADDRESS
        answer = app(event, LambdaContext("gatehouse", 1024))
        if answer["statusCode"] not in {200, 204}:
            raise RuntimeError(f"{method} {path} was answered {answer['statusCode']}: {answer['body']}")
        return json.loads(answer["body"]) if answer["body"] else None
