"""What the policy promises, for every access table: no more, no less, and no refusal without a reason.

Tables are drawn at random; requests are decided twice, by the table as a router would read the request, and by
evaluators of IAM policies that nobody here wrote.
"""

import re
from collections.abc import Iterator
from itertools import chain, combinations, product
from random import Random
from urllib.parse import quote, unquote

from chalice.local import RouteMatcher
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from chalicelib.access_table import Access
from chalicelib.gate.policy import AccessTable, InexactPolicyError
from tests.support.policy_evaluators import permits

PREFIX = "arn:aws:execute-api:eu-west-1:123456789012:a1b2c3d4e5/api"
WORDS = ("r", "w", "m")
LITERALS = ("a", "b", "export")
METHODS = ("GET", "GET", "POST")
SCOPES = [frozenset(some) for some in chain.from_iterable(combinations(WORDS, n) for n in range(4))]

Table = tuple[Access, ...]


def served(table: Table, method: str, path: str) -> Access | None:
    """The entry that a router finds for `path`: one slash at the end dropped, literals first, from the left."""
    parts = path.removesuffix("/").split("/")[1:] or [""]
    best: tuple[list[bool], Access] | None = None
    for entry in table:
        names = entry.path.split("/")[1:]
        if entry.method != method or len(names) != len(parts):
            continue
        if all(name == part or (part and name.startswith("{")) for name, part in zip(names, parts, strict=True)):
            rank = [name.startswith("{") for name in names]
            if best is None or rank < best[0]:
                best = rank, entry
    return best[1] if best else None


def served_by_chalice(table: Table, method: str, path: str) -> Access | None:
    """The entry that `chalice local` finds, which takes an empty value for a parameter."""
    entries = {entry.path: entry for entry in table if entry.method == method}
    try:
        return entries[RouteMatcher(list(entries)).match_route(path).route]
    except ValueError:
        return None


# Parameters are named by where they stand: API Gateway takes no two names in one place.
segments = st.lists(st.sampled_from((*LITERALS, "{}", "{}")), max_size=4).map(
    lambda parts: "/" + "/".join(f"{{p{place}}}" if part == "{}" else part for place, part in enumerate(parts))
)
words = st.frozensets(st.sampled_from(WORDS), max_size=2)
seldom = st.one_of(st.just(frozenset[str]()), st.just(frozenset[str]()), words)
entries = st.builds(Access, st.sampled_from(METHODS), segments, any_of=words, all_of=seldom)
tables = st.lists(entries, min_size=1, max_size=8, unique_by=lambda entry: (entry.method, entry.path)).map(tuple)
identifiers = st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True)
line = st.characters(blacklist_categories=["Cs"], blacklist_characters="\n")
values = st.one_of(
    st.sampled_from((*LITERALS, "", ".", "..", "*", "?", "%2F", "%2f", "%", "%25", "%6", "x/a", "//", "A")),
    st.sampled_from(LITERALS).map(lambda literal: f"%{ord(literal[0]):02x}{literal[1:]}"),
    st.sampled_from(LITERALS).map(lambda literal: f"x%2F{literal}"),
    st.text(line, max_size=8).map(lambda text: quote(text, safe="")),
    st.text(line, max_size=8),
    identifiers,
    st.just("x" * 1500),
)


@st.composite
def requests(draw: st.DrawFn, table: Table) -> tuple[str, str]:
    """A method and a path: those of a route with any values, or with a part changed, or nothing of the kind."""
    method = draw(st.sampled_from((*METHODS, "PUT", "get", "*")))
    route = draw(st.sampled_from(table)).path
    parts = [draw(values) if part.startswith("{") else part for part in route.split("/")[1:]]
    if draw(st.booleans()):
        place = draw(st.integers(0, len(parts)))
        parts[place : place + draw(st.integers(0, 1))] = [draw(values)]
    path = "/".join(parts) + draw(st.sampled_from(("", "", "/", "//")))
    if path and draw(st.booleans()):
        place = draw(st.integers(0, len(path) - 1))
        encoded = "".join(f"%{byte:02X}" for byte in path[place].encode())
        path = path[:place] + encoded + path[place + 1 :]
    return method, "/" + path


# No test is a matter of time: a busy machine is no failure.
UNTIMED = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def compiled(table: Table) -> AccessTable | None:
    """The table, or nothing where it is refused; that refusals have a reason is shown further down."""
    try:
        result = AccessTable(table)
    except InexactPolicyError:
        event("refused")
        return None
    event("compiled")
    return result


@UNTIMED
@given(st.data(), tables, st.sampled_from(SCOPES))
def test_no_string_reaches_a_route_that_is_not_allowed(
    data: st.DataObject, table: Table, scope: frozenset[str]
) -> None:
    access_table = compiled(table)
    if access_table is None:
        return
    policy = access_table.policy(PREFIX, scope)
    for method, path in data.draw(st.lists(requests(table), min_size=15, max_size=15)):
        decoded = unquote(path)
        # The policy may be asked about the path as it came or decoded, and never before it was decoded less.
        for asked, routed in ((path, path), (decoded, decoded), (path, decoded)):
            if "\n" in asked or not permits(policy, f"{PREFIX}/{method}{asked}"):
                continue
            event("permitted")
            readings = [served(table, method, routed), served(table, method, re.sub("/+", "/", asked))]
            if not routed.startswith("//"):  # Chalice takes what follows for a host
                readings.append(served_by_chalice(table, method, quote(routed)))
            for entry in readings:
                assert entry is None or entry.allows(scope), (method, asked, routed)


@UNTIMED
@given(st.data(), tables, st.sampled_from(SCOPES))
def test_every_route_that_is_allowed_is_reached_with_the_ids_that_we_make(
    data: st.DataObject, table: Table, scope: frozenset[str]
) -> None:
    access_table = compiled(table)
    if access_table is None:
        return
    policy = access_table.policy(PREFIX, scope)
    values = st.one_of(identifiers, st.sampled_from(LITERALS))
    for entry in table:
        for _ in range(4):
            parts = [data.draw(values) if part.startswith("{") else part for part in entry.path.split("/")]
            path = "/".join(parts)
            denoted = served(table, entry.method, path)
            assert denoted is not None
            assert permits(policy, f"{PREFIX}/{entry.method}{path}") == denoted.allows(scope)


# Whether any policy would do, found by trying: over segments a, b and z, where z stands for the values that no
# pattern can name, and every resource of up to four segments.
DEPTH = 4


def _deep(alphabet: str) -> Iterator[tuple[str, ...]]:
    return chain.from_iterable(product(alphabet, repeat=length) for length in range(1, DEPTH + 1))


PATHS = ["/" + "/".join(parts) for parts in _deep("abz")]


def _matches(pattern: tuple[str, ...], parts: list[str]) -> bool:
    if not pattern:
        return not parts
    if pattern[0] == "*":
        return any(_matches(pattern[1:], parts[taken:]) for taken in range(1, len(parts) + 1))
    return bool(parts) and parts[0] == pattern[0] and _matches(pattern[1:], parts[1:])


MATCHED = [
    sum(1 << place for place, path in enumerate(PATHS) if _matches(pattern, path.split("/")[1:]))
    for pattern in _deep("ab*")
]


def expressible(table: Table, scope: frozenset[str]) -> bool:
    """Whether some choice of resources to allow and to deny gives exactly what `table` gives for `scope`."""
    denoted = [served(table, "GET", path) for path in PATHS]
    wanted = sum(1 << place for place, entry in enumerate(denoted) if entry and entry.allows(scope))
    unwanted = sum(1 << place for place, entry in enumerate(denoted) if entry and not entry.allows(scope))
    denied = 0
    for paths in MATCHED:
        if not paths & wanted:
            denied |= paths
    given_ = 0
    for paths in MATCHED:
        if not paths & unwanted & ~denied:
            given_ |= paths
    return not wanted & ~given_


def _random_table(random: Random) -> Table:
    drawn: dict[str, Access] = {}
    for _ in range(random.randint(2, 5)):
        parts = random.choices(("a", "b", "{}"), weights=(2, 1, 4), k=random.randint(1, DEPTH))
        path = "/" + "/".join(f"{{p{place}}}" if part == "{}" else part for place, part in enumerate(parts))
        drawn[path] = Access("GET", path, any_of=frozenset(random.sample(WORDS, random.randint(0, 2))))
    return tuple(drawn.values())


def test_a_table_is_refused_exactly_where_no_policy_would_do() -> None:
    random = Random(20240229)  # noqa: S311 - a sample, not a secret
    outcomes = {True: 0, False: 0}
    for _ in range(400):
        table = _random_table(random)
        exact = all(expressible(table, scope) for scope in SCOPES)
        outcomes[exact] += 1
        try:
            AccessTable(table)
        except InexactPolicyError:
            assert not exact, table
        else:
            assert exact, table
    assert min(outcomes.values()) > 20, outcomes
