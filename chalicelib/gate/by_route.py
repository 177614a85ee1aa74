"""The policy for one route alone, for an API whose routes no policy for the whole API tells apart.

It is the same for every token that may use the route, and lets nothing else through, whatever the gateway keeps it
for: the route's own resource is allowed; a star over a slash, other routes that lie within it or across it, and a
percent sign that leads to one are denied.
"""

from chalicelib.gate.arn_pattern import (
    MANY,
    Segments,
    covers,
    crossings,
    forced,
    glob,
    meet,
    parse,
    with_wildcard,
)
from chalicelib.gate.routes import Routes


class Asked:
    """The routes of a table, by what API Gateway says of a request."""

    __slots__ = ("_known", "_rows", "routes")

    def __init__(self, routes: Routes) -> None:
        self.routes = routes
        self._known: dict[tuple[str, str], list[int]] = {}
        self._rows: dict[tuple[str, Segments], list[int]] = {}
        for index, route in enumerate(routes.all):
            self._rows.setdefault((route.method, route.written), []).append(index)

    def find(self, method: str, path: str, resource: str | None) -> int | None:
        """The route by the `resource` that API Gateway matched, or, where no row has that, by `path` as it came,
        without its first slash.

        Which one is found opens nothing: the policy lets through the paths of that route alone.
        """
        found = self._named(method, resource)
        if len(found) == 1:
            return found[0]
        # In what is asked for, an asterisk is no wildcard.
        segments = tuple(path.removesuffix("/").replace(MANY, "-").split("/"))
        candidates = found or range(len(self.routes.all))
        matches = [
            index
            for index in candidates
            if self.routes.all[index].method == method and covers(self.routes.all[index].segments, segments)
        ]
        # A literal first, then a parameter, a greedy one last.
        return min(matches, key=self._rank, default=None)

    def _named(self, method: str, resource: str | None) -> list[int]:
        if resource is None:
            return []
        known = self._known.get((method, resource))
        if known is None:
            try:
                known = self._rows.get((method, parse(resource)), [])
            except ValueError:
                known = []
            if known:  # API Gateway's own words, so there are no more of them than routes
                self._known[method, resource] = known
        return known

    def _rank(self, index: int) -> list[int]:
        return [(part is None) + 2 * (part == MANY) for part in self.routes.all[index].segments]


def resources(routes: Routes, index: int) -> tuple[str, list[str]]:
    """What to allow and what to deny for one route, without the prefix."""
    route = routes.all[index]
    if not route.has_stars:
        return route.allow, []
    # A star that is all of the path takes the root as well.
    paths = ["/"] if len(route.segments) == 1 else []
    paths += [glob(shape) for shape in _denied(routes, index)]
    if routes.decodes_to(index):
        paths += with_wildcard(route.segments, "*%*")
    return route.allow, [route.resource(path) for path in dict.fromkeys(paths)]


def reserved_words(routes: Routes) -> set[str]:
    """The literals that a parameter of some route may not be."""
    return {
        word
        for index, route in enumerate(routes.all)
        if route.has_stars
        for shape in _denied(routes, index)
        for taken in routes.reads(index, shape)
        for word in forced(taken, route.segments)
    }


def _denied(routes: Routes, index: int) -> list[Segments]:
    """What the resource of a route matches beside the route's own paths."""
    segments = routes.all[index].segments
    met = [meet(segments, routes.all[other].segments) for other in routes.near(index)]
    # A path that is the other's for no literal in it is this route's, by the literals of its own.
    return crossings(segments) + [shape for shape in met if shape is not None and forced(shape, segments)]
