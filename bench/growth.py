"""How costs grow with what people have more of: routes, scopes, sessions, users, revocations.

All sizes take turns, so that a curve shows the size and nothing else; each point is a multiple of the first. Round
trips and capacity units are counted. The curves are drawn in docs/growth.svg.
"""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from app import app
from bench import containers, picture
from bench.client import basic
from bench.containers import Refreshing, answered, recorded
from bench.costs import Cost, cost
from bench.issued import AUDIENCE, ISSUER, LIFETIME, MANY, METHOD_ARN, SETTINGS, by_turns
from bench.many_routes import read_and_write, routes
from bench.measure import ratios
from bench.picture import Panel
from bench.rows import Row
from chalicelib import base64url
from chalicelib.gate.decision import Gate
from chalicelib.gate.policy import AccessTable
from chalicelib.keys.material import NewKey, new_signing_key, signing_key
from chalicelib.keys.ring import KeyEntry
from chalicelib.model import FIRST_PARTY
from chalicelib.scope import Scope
from chalicelib.services import Services, install
from chalicelib.stores.dynamodb import marshal
from chalicelib.tokens import access_token
from chalicelib.tokens.access_token import AccessToken
from chalicelib.tokens.revocation_feed import Feed
from chalicelib.tokens.revocations import Kind

PICTURE = Path(__file__).parents[1] / "docs" / "growth.svg"

# How far apart points may lie that are the same: CPU time is never quite still.
FLAT = 1.2

ROUTES = (1, 50, 100, 200)
SCOPES = (1, 10, 25, 50)
SESSIONS = (1, 100, 400, 1000)
USERS = (1, 250, 1000, 2000)
REVOCATIONS = (0, 250, 1000, 2000)

_LONGEST = 12.0  # seconds for a curve

Subject = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Curve:
    """What `what` takes at each size `over` something: CPU as multiples of the first, and what is asked of AWS.

    `why` it grows; "" where it must not.
    """

    what: str
    over: str
    sizes: Sequence[int]
    cpu: Sequence[float]
    spread: tuple[float, float]
    costs: Sequence[Cost]
    why: str

    def row(self) -> Row:
        """The last point to the first."""
        what = f"{self.what}, {self.sizes[-1]:,} {self.over}: CPU"
        first, last = self.costs[0], self.costs[-1]
        to = f"{self.sizes[0]}"
        if first.round_trips:
            to += f" (round trips {first.round_trips} to {last.round_trips}, "
            to += f"units {first.units:g} to {last.units:g})"
        return Row(what, None if self.why else FLAT, self.cpu[-1], self.spread, to, note=self.why)

    def panel(self) -> Panel:
        """The curve to be drawn."""
        first = self.costs[0].units
        units = [each.units / first for each in self.costs] if first else None
        return Panel(self.what, self.over, self.sizes, self.cpu, units)


def rows() -> Iterator[Row]:
    """One row for each curve, and one for what all flat ones ask of AWS."""
    curves: list[Curve] = []
    with containers.running():
        for made in (_gate(), _sessions(), _users(), _feed()):
            for curve in made:
                curves.append(curve)
                yield curve.row()
    PICTURE.write_text(picture.svg([curve.panel() for curve in curves]))
    flat = [curve for curve in curves if not curve.why and curve.costs[0].round_trips]
    most = max(max(_grown(curve)) for curve in flat)
    what = "round trips and capacity units of all that is flat, at most"
    yield Row(what, 1, most, None, "those of the first point")


def _grown(curve: Curve) -> tuple[float, float]:
    first = curve.costs[0]
    return (
        max(each.round_trips / first.round_trips for each in curve.costs),
        max(each.units / first.units for each in curve.costs),
    )


def _curve(what: str, over: str, subjects: Mapping[int, Subject], why: str = "", run: float = 10) -> Curve:
    measured = ratios(
        {str(size): subject for size, subject in subjects.items()},
        str(min(subjects)),
        rounds=100,
        run=run,
        seconds=_LONGEST,
    )
    costs = []
    for subject in subjects.values():
        with recorded() as calls:
            subject()
        costs.append(cost(calls))
    sizes = tuple(subjects)
    cpu = [measured[str(size)].median for size in sizes]
    return Curve(what, over, sizes, cpu, measured[str(sizes[-1])].quartiles, costs, why)


# --- The gate


def _gate() -> Iterator[Curve]:
    key = new_signing_key("ES256")
    plain = _tokens(key, frozenset({"things0:read", "things0:write"}))
    by_routes = {count: AccessTable(routes(count)) for count in ROUTES}
    decisions = {count: _decision(key, table, plain) for count, table in by_routes.items()}
    yield _curve("gate, new token", "routes", decisions, run=2)

    scope = read_and_write(routes(max(ROUTES)))
    firsts = {count: _policy(table, scope) for count, table in by_routes.items()}
    yield _curve("policy, first time", "routes", firsts, "it names every route that is allowed", run=2)

    words = [word for entry in routes(1000) for word in sorted(entry.any_of)]
    words = list(dict.fromkeys(words))
    table = by_routes[max(ROUTES)]
    scoped = {count: _decision(key, table, _tokens(key, frozenset(words[:count]))) for count in SCOPES}
    why = "a longer token is hashed and read, and the answer names the routes of each scope"
    yield _curve("gate, new token", "scopes", scoped, why, run=2)


def _tokens(key: NewKey, scope: Scope) -> list[str]:
    entry = KeyEntry(key.kid, key.purpose, key.alg, sealed=b"", published_at=0, signs_from=0)
    signs, now = signing_key(entry, key.secret), int(time.time())
    contents = (AccessToken("user", FIRST_PARTY, scope, f"token-{n:032}", LIFETIME) for n in range(MANY))
    return [access_token.issue(content, ISSUER, AUDIENCE, signs, now) for content in contents]


def _decision(key: NewKey, table: AccessTable, tokens: Iterable[str]) -> Subject:
    document = json.dumps({"keys": [dict(key.public_jwk or {})]}).encode()
    gate = Gate(SETTINGS, table, lambda _: document, time.time)
    return by_turns(lambda token: gate.decide(f"Bearer {token}", METHOD_ARN), cycle(tokens))


def _policy(table: AccessTable, scope: Scope) -> Subject:
    prefixes = [f"arn:aws:execute-api:eu-central-1:123456789012:{number:010x}/api" for number in range(1024)]
    return by_turns(lambda prefix: table.policy(prefix, scope), cycle(prefixes))


# --- Sign-in and refresh


def _sessions() -> Iterator[Curve]:
    home, limited = _container(), _container(max_sessions=max(SESSIONS) + 1)
    for count in SESSIONS:
        _add_user(home, f"user-{count}")
        _add_sessions(home, f"user-{count}", count)
    over = "sessions of the user"
    yield _curve("sign-in", over, {count: _sign_in(home, f"user-{count}") for count in SESSIONS})
    yield _curve("refresh", over, {count: _refresh(home, f"user-{count}") for count in SESSIONS})
    why = "it counts the sessions that the user has, to end the oldest where one is too many"
    counting = {count: _sign_in(limited, f"user-{count}") for count in SESSIONS}
    yield _curve("sign-in, sessions limited", over, counting, why)


def _users() -> Iterator[Curve]:
    homes = {}
    for count in USERS:
        home = homes[count] = _container(users_table=_like(containers.container().settings.users_table, count))
        _add_user(home, f"one-of-{count}")  # each has a session of its own
        item = _item(home.settings.users_table, f"one-of-{count}")
        _fill(home.settings.users_table, ({**item, "pk": {"S": f"sub:{n}"}} for n in range(count - 1)))
    over = "users in the table"
    yield _curve("sign-in", over, {count: _sign_in(home, f"one-of-{count}") for count, home in homes.items()})
    yield _curve("refresh", over, {count: _refresh(home, f"one-of-{count}") for count, home in homes.items()})


def _container(**settings: Any) -> Services:
    """Each of its sign-ins has the same random bytes, so that it writes the same session again and adds none."""
    made = containers.container(profile=containers.CHEAP, **settings)
    return replace(made, random_bytes=lambda count: b"\1" * count)


def _add_user(home: Services, username: str) -> None:
    own = replace(
        containers.user(), sub=base64url.encode(f"{username:16}".encode()), username=username, email=None
    )
    home.users.add(replace(own, password_hash=home.passwords.hash("demo-password")))


def _add_sessions(home: Services, username: str, count: int) -> None:
    _sign_in(home, username)()
    item = _item(home.settings.sessions_table, username)
    _fill(home.settings.sessions_table, ({**item, "session_id": {"S": f"{n:032x}"}} for n in range(count - 1)))


def _sign_in(home: Services, username: str) -> Subject:
    event = containers.post("/tokens", basic(username, "demo-password"))
    return _at(home, lambda: answered(app(event, None)))


def _refresh(home: Services, username: str) -> Subject:
    install(home)
    tokens = answered(app(containers.post("/tokens", basic(username, "demo-password")), None))
    return _at(home, Refreshing(app, tokens))


def _at(home: Services, request: Subject) -> Subject:
    def call() -> None:
        install(home)
        request()

    return call


# --- The revocation feed


def _feed() -> Iterator[Curve]:
    homes = {}
    for count in REVOCATIONS:
        home = containers.container(
            revocations_table=_like(containers.container().settings.revocations_table, count)
        )
        homes[count] = home
        now, lifetime = home.now(), home.settings.access_token_lifetime
        ends = ((f"{n:022}", f"s{n:021}", now - n * lifetime // count) for n in range(count))
        _fill(home.settings.revocations_table, (_ending(home, *end) for end in ends))
    over = "revocations"
    why = "a new container has to know all of them"
    yield _curve("feed, first pull", over, {count: _first_pull(home) for count, home in homes.items()}, why)
    why = "it reads the last minutes again, for clocks differ, and looks through all it knows for what is old"
    yield _curve("feed, next pull", over, {count: _next_pull(home) for count, home in homes.items()}, why)
    yield _curve("protected request", over, {count: _asked(home) for count, home in homes.items()}, run=2)


def _ending(home: Services, sub: str, session_id: str, at: int) -> dict[str, Any]:
    """The feed's item for the end of one session."""
    write = home.revocations._addition(home.revocations.entry(Kind.USER, sub, at, ended=frozenset({session_id})))
    return marshal({**write.key, "s": write.values[":ended"], "expires_at": write.values[":gone"]})


def _first_pull(home: Services) -> Subject:
    given = home.settings
    return lambda: Feed(home.revocations, given.revocation_interval, given.revocation_tolerance).current(
        home.now()
    )


def _next_pull(home: Services) -> Subject:
    def pull() -> None:
        home.feed._tried_at = None
        home.feed.current(home.now())

    pull()
    return pull


def _asked(home: Services) -> Subject:
    told = {"sub": "user", "client_id": FIRST_PARTY, "scope": "", "jti": "token", "kid": "key", "claims": "{}"}
    event = containers.request("GET", "/me", context={**told, "sid": "session", "exp": str(home.now() + LIFETIME)})
    return _at(home, lambda: answered(app(event, None)))


# --- Tables


def _like(table: str, count: int) -> str:
    """A new, empty table of the form of `table`."""
    client, name = containers.connect("dynamodb"), f"{table}-{count}"
    form = client.describe_table(TableName=table)["Table"]
    client.create_table(
        TableName=name,
        KeySchema=form["KeySchema"],
        AttributeDefinitions=form["AttributeDefinitions"],
        BillingMode="PAY_PER_REQUEST",
    )
    return name


def _item(table: str, username: str) -> dict[str, Any]:
    """An item of that user, in DynamoDB's form."""
    values = {":username": {"S": username}}
    found = containers.connect("dynamodb").scan(
        TableName=table, FilterExpression="username = :username", ExpressionAttributeValues=values
    )
    item: dict[str, Any] = found["Items"][0]
    return item


def _fill(table: str, items: Iterable[Mapping[str, Any]]) -> None:
    supply = iter(items)
    while batch := list(islice(supply, 25)):
        requests: list[Any] = [{"PutRequest": {"Item": item}} for item in batch]
        containers.connect("dynamodb").batch_write_item(RequestItems={table: requests})
