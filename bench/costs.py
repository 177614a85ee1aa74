"""What each operation asks of AWS: round trips and DynamoDB's capacity units, counted, so each figure is exact.

tests/routes/test_cost.py says what each call is. Here they are counted on ministack and laid beside those of
others, whose stores are in memory and count how often they are asked.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple
from unittest import mock

from app import app
from bench import containers
from bench.client import Client, bearer
from bench.client import tokens as tokens_in
from bench.containers import recorded
from bench.peers import authlib, oidc_provider
from bench.rows import Row
from bench.scale.units import item_size, reading
from chalicelib import authorizer
from chalicelib.gate.decision import Gate
from chalicelib.services import Services
from infra.emulated.aws_calls import Call
from infra.local.gateway import Answer, Gateway

_ISSUER = "https://auth.example.com"
_NOTE = (
    "Authlib's sign-in is its password grant; its logout and oidc-provider's are their revocation endpoints. "
    "Their stores are in memory, oidc-provider's client is configured and asks none. Hydra is a server of its own "
    "that no registry of packages has, and is not run here"
)


class Cost(NamedTuple):
    """Round trips, and capacity units read and written."""

    round_trips: int
    read: float
    write: float

    @property
    def units(self) -> float:
        """Both together."""
        return self.read + self.write


class Operation(NamedTuple):
    """One request, how many round trips it may take, and how it is answered."""

    what: str
    most: int
    request: Callable[[], Answer]
    status: int


def rows() -> Iterator[Row]:
    """One row for each operation."""
    others = _others()
    with containers.running():
        runtime = containers.container(profile=containers.CHEAP, issuer=_ISSUER)
        with mock.patch.object(authorizer, "GATE", _gate(runtime)):
            for operation in _operations(Client(Gateway(app))):
                cost = counted(operation.request, operation.status)
                peers = others.get(operation.what, {})
                to = f"round trips ({_units(cost)})"
                note = _NOTE if operation.what == "sign-in" else ""
                yield Row(operation.what, operation.most, cost.round_trips, None, to, peers, note)


def _operations(client: Client) -> Iterator[Operation]:
    """Each is asked for when the one before it has been answered."""

    def sign_in(password: str = "demo-password") -> Answer:  # noqa: S107
        return client.sign_in("demo", password)

    def refresh(tokens: Mapping[str, Any]) -> Answer:
        return client.refresh(tokens["refresh_token"])

    def log_out(tokens: Mapping[str, Any], sessions: str = "") -> Answer:
        return client.send("POST", f"/logout{sessions}", bearer(tokens["access_token"]))

    def forged(tokens: Mapping[str, Any]) -> Answer:
        token = tokens["refresh_token"]
        return client.refresh(token[:60] + ("A" if token[60] != "A" else "B") + token[61:])

    tokens: Any = tokens_in(sign_in())
    yield Operation("sign-in", 2, sign_in, 200)
    sign_in("wrong password")
    yield Operation("sign-in refused", 4, lambda: sign_in("wrong password"), 401)
    yield Operation("refresh", 2, lambda: refresh(tokens), 200)
    yield Operation("refresh, its answer lost and asked for again", 2, lambda: refresh(tokens), 200)
    yield Operation("refresh token that somebody forged", 0, lambda: forged(tokens), 401)
    yield Operation("protected request", 0, lambda: client.send("GET", "/me", bearer(tokens["access_token"])), 200)
    refresh(tokens_in(refresh(tokens)))
    yield Operation("refresh token used twice: its session ends", 2, lambda: refresh(tokens), 401)
    tokens = tokens_in(sign_in())
    yield Operation("logout", 1, lambda: log_out(tokens), 204)
    tokens = tokens_in(sign_in())
    yield Operation("logout everywhere, however many sessions", 2, lambda: log_out(tokens, "?sessions=all"), 204)
    tokens = tokens_in(sign_in())
    containers.container(profile=containers.CHEAP, issuer=_ISSUER)
    yield Operation("a new container's first refresh", 7, lambda: refresh(tokens), 200)


def _gate(runtime: Services) -> Gate:
    def fetch(_: str) -> bytes:
        return json.dumps(runtime.keys.ring(runtime.now()).jwk_set(runtime.now())).encode()

    return Gate(runtime.settings, authorizer.PROTECTED, fetch, runtime.clock)


def counted(request: Callable[[], Answer], status: int) -> Cost:
    """What `request` costs. Raises `RuntimeError` where it is not answered with `status`."""
    with recorded() as calls:
        answered = request().status
    if answered != status:
        raise RuntimeError(f"{answered} where {status} was to come")
    return cost(calls)


def cost(calls: Iterable[Call]) -> Cost:
    """What `calls` cost together."""
    calls = list(calls)
    units = [_capacity(call) for call in calls]
    return Cost(len(calls), sum(read for read, _ in units), sum(write for _, write in units))


def _units(cost: Cost) -> str:
    return f"units: {cost.read:g} read, {cost.write:g} written"


def _capacity(call: Call) -> tuple[float, float]:
    """Units read and written ("DynamoDB read and write operations", Developer Guide). All reads are consistent.

    What a write takes depends on what stood there, so ministack tells that, by the same rules. It tells nothing of
    a refused write: that takes what the item there would take, which for ours is one unit.
    """
    match call.operation:
        case "GetItem":
            return _read([call.answer.get("Item", {})]), 0
        case "Query":
            return _read(call.answer["Items"]), 0
        case "BatchGetItem":
            found = [item for items in call.answer["Responses"].values() for item in items]
            wanted = sum(len(part["Keys"]) for part in call.parameters["RequestItems"].values())
            return sum(_read([item]) for item in found) + wanted - len(found), 0
        case "Decrypt":
            return 0, 0
        case _:
            consumed = call.answer.get("ConsumedCapacity", {"CapacityUnits": 1})
            each = consumed if isinstance(consumed, list) else [consumed]
            return 0, sum(part["CapacityUnits"] for part in each)


def _read(items: Iterable[Mapping[str, Any]]) -> float:
    return reading(sum(map(item_size, items))).read


def _others() -> dict[str, dict[str, float]]:
    """Others' round trips, by what they are for."""
    server, provider = authlib.Server(), oidc_provider.calls()
    return {
        "sign-in": {"Authlib": server.store.calls_of(server.sign_in)},
        "refresh": {
            "Authlib": server.store.calls_of(server.refresh),
            "oidc-provider": len(provider["refresh"]),
        },
        "logout": {
            "Authlib": server.store.calls_of(server.revoke),
            "oidc-provider": len(provider["revocation"]),
        },
    }
