"""What the policies promise, for every access table: no more, no less, and no table is refused.

Tables are drawn at random; requests are decided twice, by the table as routers would read the request, and by
evaluators of IAM policies that nobody here wrote. Both forms are tried for every table: the policy for the whole
API, and the one by route, for each route that could have been asked for.
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
from chalicelib.gate.policy import AccessTable, PolicyDocument
from tests.support.policy_evaluators import permits

PREFIX = "arn:aws:execute-api:eu-west-1:123456789012:a1b2c3d4e5/api"
WORDS = ("r", "w", "m")
LITERALS = ("a", "b", "export")
METHODS = ("GET", "GET", "GET HEAD", "POST", "ANY")
ASKED = ("GET", "GET", "HEAD", "POST", "PUT", "get", "*")
SCOPES = [frozenset(some) for some in chain.from_iterable(combinations(WORDS, n) for n in range(4))]

Table = tuple[Access, ...]


def fits(names: list[str], parts: list[str]) -> bool:
    """Whether a path of `parts` is one of the route of `names`. No parameter is empty."""
    if names[-1].endswith("+}"):
        return (
            len(parts) >= len(names) and fits(names[:-1] or [""], parts[: len(names) - 1] or [""]) and all(parts)
        )
    return len(names) == len(parts) and all(
        name == part or (part != "" and name.startswith("{")) for name, part in zip(names, parts, strict=True)
    )


def rank(names: list[str]) -> list[int]:
    """A literal, a parameter, a greedy parameter, from the left."""
    return [name.startswith("{") + name.endswith("+}") for name in names]


def served(table: Table, method: str, path: str) -> list[Access]:
    """The rows that routers find for `path`, one slash at the end dropped.

    The first lets the leftmost literal win; the second prefers any route to a greedy one, as HTTP APIs do.
    """
    parts = path.removesuffix("/").split("/")[1:] or [""]
    rows = [(row.path.split("/")[1:], row) for row in table if method in row.methods]
    matches = [(names, row) for names, row in rows if fits(names, parts)]
    if not matches:
        return []
    first = min(matches, key=lambda match: rank(match[0]))
    second = min(matches, key=lambda match: (match[0][-1].endswith("+}"), rank(match[0])))
    return [first[1], second[1]]


def served_by_chalice(table: Table, method: str, path: str) -> list[Access]:
    """The row that `chalice local` finds, which takes an empty value for a parameter, and knows no greedy one."""
    rows = {row.path: row for row in table if method in row.methods and "+}" not in row.path}
    try:
        return [rows[RouteMatcher(list(rows)).match_route(path).route]]
    except ValueError:
        return []


def shape(row: Access) -> str:
    return re.sub(r"\{\w+(\+?)\}", r"{\1}", row.path)


def distinct(rows: list[Access]) -> Table:
    """`rows` without those that name a route again."""
    named: set[tuple[str, str]] = set()
    kept = []
    for row in rows:
        routes = {(method, shape(row)) for method in row.methods}
        if not routes & named:
            kept.append(row)
            named |= routes
    return tuple(kept)


# Parameters are named by where they stand: API Gateway takes no two names in one place.
def named(parts: list[str], greedy: bool) -> str:
    names = [f"{{p{place}}}" if part == "{}" else part for place, part in enumerate(parts)]
    return "/" + "/".join([*names, "{rest+}"] if greedy else names)


segments = st.builds(
    named, st.lists(st.sampled_from((*LITERALS, "{}", "{}")), max_size=4), st.sampled_from((False,) * 5 + (True,))
)


def access(method: str, path: str, any_of: frozenset[str], all_of: frozenset[str]) -> Access:
    return Access(method, path, any_of, all_of)


words = st.frozensets(st.sampled_from(WORDS), max_size=2)
seldom = st.one_of(st.just(frozenset[str]()), st.just(frozenset[str]()), words)
rows = st.builds(access, st.sampled_from(METHODS), segments, words, seldom)
tables = st.one_of(st.lists(rows, min_size=1, max_size=8), st.lists(rows, min_size=9, max_size=40)).map(distinct)
identifiers = st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True)
line = st.characters(blacklist_categories=["Cs"], blacklist_characters="\n")
values = st.one_of(
    st.sampled_from(
        (*LITERALS, "", ".", "..", "*", "?", "%2F", "%2f", "%", "%25", "%6", "x/a", "//", "A", "%2F%2F")
    ),
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
    method = draw(st.sampled_from(ASKED))
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
UNTIMED = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def readings(table: Table, method: str, asked: str, routed: str, routers: int) -> Iterator[Access]:
    """The rows that a request may mean: its path as it is routed, and without empty segments."""
    for path in (routed, re.sub("/+", "/", routed), re.sub("/+", "/", asked)):
        yield from served(table, method, path)[:routers]
    if not routed.startswith("//"):  # Chalice takes what follows for a host
        yield from served_by_chalice(table, method, quote(routed))


def assert_sound(
    table: Table, scope: frozenset[str], policy: PolicyDocument, method: str, path: str, routers: int = 2
) -> None:
    decoded = unquote(path)
    # The policy may be asked about the path as it came or decoded, and never before it was decoded less.
    for asked, routed in ((path, path), (decoded, decoded), (path, decoded)):
        if "\n" in asked or not permits(policy, f"{PREFIX}/{method}{asked}"):
            continue
        event("permitted")
        for row in readings(table, method, asked, routed, routers):
            assert row.allows(scope), (method, asked, routed, row)


@UNTIMED
@given(st.data(), tables, st.sampled_from(SCOPES))
def test_no_string_reaches_a_route_that_is_not_allowed(
    data: st.DataObject, table: Table, scope: frozenset[str]
) -> None:
    access_table = AccessTable(table)
    event("by route" if access_table.cause else "whole")
    policy = access_table.policy(PREFIX, scope)
    for method, path in data.draw(st.lists(requests(table), min_size=15, max_size=15)):
        assert_sound(table, scope, policy, method, path)


@UNTIMED
@given(st.data(), tables, st.sampled_from(SCOPES))
def test_by_route_no_string_reaches_another_route_whatever_was_asked_for(
    data: st.DataObject, table: Table, scope: frozenset[str]
) -> None:
    access_table = AccessTable(table)
    for _ in range(6):
        method, path = data.draw(requests(table))
        row = data.draw(st.sampled_from(table))
        resource = data.draw(st.sampled_from((None, row.path, "/{proxy+}", "$default")))
        policy = access_table.policy_by_route(PREFIX, scope, f"/{method}{path}", resource)
        for other, elsewhere in [(method, path), *data.draw(st.lists(requests(table), min_size=4, max_size=4))]:
            # Where routers differ, the gateway has said by the resource which it is.
            assert_sound(table, scope, policy, other, elsewhere, routers=1)
            if permits(policy, f"{PREFIX}/{other}{elsewhere}".replace("\n", "")) and (
                resource == row.path and method in row.methods
            ):
                assert served(table, other, elsewhere)[:1] == [row]


@st.composite
def ids(draw: st.DrawFn) -> str:
    """What may stand for a parameter, but a reserved word."""
    return draw(identifiers.filter(lambda text: text not in LITERALS))


def path_of(data: st.DataObject, row: Access) -> str:
    parts = []
    for part in row.path.split("/"):
        if part.endswith("+}"):
            parts += data.draw(st.lists(ids(), min_size=1, max_size=4))
        else:
            parts.append(data.draw(ids()) if part.startswith("{") else part)
    return "/".join(parts)


@UNTIMED
@given(st.data(), tables, st.sampled_from(SCOPES))
def test_every_route_that_is_allowed_is_reached_with_the_ids_that_we_make(
    data: st.DataObject, table: Table, scope: frozenset[str]
) -> None:
    access_table = AccessTable(table)
    event("by route" if access_table.cause else "whole")
    for row in table:
        for _ in range(3):
            path = path_of(data, row)
            for method in row.methods:
                denoted = served(table, method, path)[0]
                for resource in (denoted.path, None):
                    for policy in (
                        access_table.answer(PREFIX, scope, f"/{method}{path}", resource),
                        access_table.policy_by_route(PREFIX, scope, f"/{method}{path}", resource),
                    ):
                        assert permits(policy, f"{PREFIX}/{method}{path}") == denoted.allows(scope)


@UNTIMED
@given(st.data(), tables, st.sampled_from(SCOPES))
def test_an_answer_by_route_holds_for_every_other_path_of_the_route(
    data: st.DataObject, table: Table, scope: frozenset[str]
) -> None:
    access_table = AccessTable(table)
    for row in table:
        method, (path, other) = row.methods[0], (path_of(data, row) for _ in range(2))
        if path.count("/") != other.count("/"):
            continue  # of a greedy path, other routes may take some lengths: tested below
        if {each.path for each in (*served(table, method, path), *served(table, method, other))} == {row.path}:
            policy = access_table.policy_by_route(PREFIX, scope, f"/{method}{path}", row.path)
            assert permits(policy, f"{PREFIX}/{method}{other}") == row.allows(scope)


@UNTIMED
@given(st.data(), tables, st.sampled_from(SCOPES))
def test_the_reserved_words_are_all_that_an_id_may_not_be(
    data: st.DataObject, table: Table, scope: frozenset[str]
) -> None:
    access_table = AccessTable(table)
    free = set(LITERALS) - access_table.reserved_words()
    event(f"{len(free)} literals are free")
    row = data.draw(st.sampled_from(table))
    parts = []
    for part in row.path.split("/"):
        value = data.draw(st.sampled_from((*sorted(free), "x1")))
        parts.append(value if part.startswith("{") else part)
    path = "/".join(parts)
    for method in row.methods:
        denoted = served(table, method, path)
        policy = access_table.answer(PREFIX, scope, f"/{method}{path}", denoted[0].path)
        if denoted[0] == denoted[1]:
            assert permits(policy, f"{PREFIX}/{method}{path}") == denoted[0].allows(scope)


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


def owners(table: Table, path: str) -> list[Access]:
    """The rows of `path` within which no other row of it lies."""
    parts = path.split("/")[1:]
    matches = [row for row in table if fits(row.path.split("/")[1:], parts)]
    return [row for row in matches if not any(row is not other and _within(other, row) for other in matches)]


def _within(one: Access, other: Access) -> bool:
    pairs = zip(one.path.split("/"), other.path.split("/"), strict=True)
    return all(theirs.startswith("{") or mine == theirs for mine, theirs in pairs)


def expressible(table: Table, scope: frozenset[str]) -> bool:
    """Whether some choice of resources to allow and to deny gives exactly what `table` gives for `scope`, for
    all values of parameters but the reserved words."""
    wanted = unwanted = 0
    for place, path in enumerate(PATHS):
        denoted = owners(table, path)
        if any(not row.allows(scope) for row in denoted):
            unwanted |= 1 << place
        elif denoted and re.sub(r"\{\w+\}", "z", denoted[0].path) == path:
            wanted |= 1 << place
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
        path = named(parts, greedy=False)
        drawn[path] = Access("GET", path, any_of=frozenset(random.sample(WORDS, random.randint(0, 2))))
    return tuple(drawn.values())


def test_a_table_is_guarded_by_route_exactly_where_no_policy_for_the_whole_api_would_do() -> None:
    random = Random(20240229)  # noqa: S311 - a sample, not a secret
    outcomes = {True: 0, False: 0}
    for _ in range(600):
        table = _random_table(random)
        exact = all(expressible(table, scope) for scope in SCOPES)
        outcomes[exact] += 1
        assert (AccessTable(table).cause is None) == exact, table
    assert min(outcomes.values()) > 20, outcomes
