"""The rows of an access table taken apart: one route for each method, and which routes a star may reach. Pure.

Which of two routes a path belongs to, where both match it: to the one that lies within the other (a literal beats
a parameter, and a greedy parameter comes last). Where each has a literal that the other has not (`/a/{y}` and
`/{x}/b` for `/a/b`), gateways differ, so such a path is open where both are.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from chalicelib.access_table import METHODS, Access
from chalicelib.gate.arn_pattern import MANY, Segments, covers, glob, leads_to, overlaps, parse
from chalicelib.scope import Scope


class InexactPolicyError(ValueError):
    """The access table is malformed, or no policy can say what it says. Names the routes."""


class Route(NamedTuple):
    """One method of one row, its path taken apart, and the IAM resource that allows it, without the prefix.

    `written` is the path as the row has it. `segments` are the same, but where routes of parameters alone take
    some lengths of a greedy path: what they leave to it is then several routes.
    """

    access: Access
    method: str
    segments: Segments
    written: Segments
    allow: str

    def __str__(self) -> str:
        return f"{self.method} {self.access.path}"

    @property
    def is_greedy(self) -> bool:
        """Whether it takes paths of any length."""
        return self.segments[-1] == MANY

    @property
    def has_stars(self) -> bool:
        """Whether its resource has a star."""
        return None in self.segments or MANY in self.segments

    def resource(self, path: str) -> str:
        """An IAM resource with the method of this route, without the prefix."""
        return f"/{self.method}{path}"

    def scopes(self) -> list[Scope]:
        """The smallest sets of scopes that open this route."""
        needed = self.access.all_of
        return [needed | {word} for word in self.access.any_of] or [needed]


class Routes:
    """All routes of a table in the order of their resources; one goes by its index."""

    __slots__ = ("_by_beginning", "_decodes_to", "_near", "_within", "all")

    def __init__(self, rows: Iterable[Access]) -> None:
        """Raises `InexactPolicyError` for a row that cannot be read, and for a route that two rows name."""
        self.all = sorted(_split(_distinct(rows)), key=_resource)
        self._near: dict[int, list[int]] = {}
        self._decodes_to: dict[int, frozenset[int]] = {}
        self._within: dict[int, tuple[Segments, ...]] = {}
        self._by_beginning: dict[tuple[str, Segments], list[int]] = {}
        for index, route in enumerate(self.all):
            for length in range(len(route.segments) + 1):
                self._by_beginning.setdefault((route.method, route.segments[:length]), []).append(index)

    def near(self, index: int) -> list[int]:
        """The other routes that the stars of a route may reach: those of its method that begin as it does."""
        near = self._near.get(index)
        if near is None:
            route = self.all[index]
            near = self._near[index] = self._beginning(route) if route.has_stars else []
            if near:
                near.remove(index)
        return near

    def _beginning(self, route: Route) -> list[int]:
        """The routes that may begin as `route` does before its first star."""
        found: list[int] = []
        beginnings: list[Segments] = [()]
        for part in route.segments:
            if part is None or part == MANY:
                break
            for beginning in beginnings:
                found += self._by_beginning.get((route.method, (*beginning, MANY)), ())
            following = [(*beginning, each) for beginning in beginnings for each in (part, None)]
            beginnings = [each for each in following if (route.method, each) in self._by_beginning]
        for beginning in beginnings:
            found += self._by_beginning[route.method, beginning]
        return found

    def reads(self, index: int, pattern: Segments) -> list[Segments]:
        """What `pattern` matches of the paths that are a route's own."""
        return [
            shape
            for shape in overlaps(pattern, self.all[index].segments)
            if not any(covers(each, shape) for each in self.within(index))
        ]

    def within(self, index: int) -> tuple[Segments, ...]:
        """The routes that lie within a route, and have their paths before it."""
        if index not in self._within:
            route = self.all[index]
            others = [self.all[each].segments for each in self.near(index)]
            self._within[index] = tuple([each for each in others if covers(route.segments, each)])
        return self._within[index]

    def decodes_to(self, index: int) -> frozenset[int]:
        """The other routes that the stars of a route lead to by a value that has to be decoded."""
        if index not in self._decodes_to:
            segments = self.all[index].segments
            near = self.near(index)
            self._decodes_to[index] = frozenset(
                [each for each in near if leads_to(segments, self.all[each].segments)]
            )
        return self._decodes_to[index]


def _distinct(rows: Iterable[Access]) -> list[Route]:
    routes: dict[tuple[str, Segments], Route] = {}
    for row in rows:
        try:
            segments = parse(row.path)
            path = glob(segments)
        except ValueError as error:
            raise InexactPolicyError(f"{row.method} {row.path}: {error}") from error
        for method in row.methods:
            if method not in METHODS:
                raise InexactPolicyError(f"{row.method} {row.path}: no such method")
            route = Route(row, method, segments, segments, f"/{method}{path}")
            twin = routes.setdefault((method, segments), route)
            if twin is not route:
                raise InexactPolicyError(f"{twin} and {route} are the same route")
    return list(routes.values())


def _split(routes: list[Route]) -> Iterator[Route]:
    """The routes, a greedy one as the lengths of path that routes of parameters alone leave to it."""
    for route in routes:
        if not route.is_greedy:
            yield route
            continue
        begin = route.segments[:-1]
        after = [
            other.segments[len(begin) :]
            for other in routes
            if other.method == route.method and other is not route and other.segments[: len(begin)] == begin
        ]
        alone = [rest for rest in after if rest and set(rest) <= {None, MANY}]
        taken = {len(rest) for rest in alone}
        greedy = [len(rest) for rest in alone if rest[-1] == MANY]
        longest = min(greedy) - 1 if greedy else max(taken, default=0)
        for length in range(1, longest + 1):
            if length not in taken:
                yield _part(route, begin + (None,) * length)
        if not greedy:
            yield _part(route, (*begin, *[None] * longest, MANY))


def _part(route: Route, segments: Segments) -> Route:
    return route._replace(segments=segments, allow=route.resource(glob(segments)))


def _resource(route: Route) -> str:
    return route.allow
