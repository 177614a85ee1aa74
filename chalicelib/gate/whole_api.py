"""One policy for the whole API: what allowing a route takes, and whether the routes of a table can be told apart.

Each allowed route is allowed as the resource that has `*` for its parameters. IAM's `*` crosses slashes, so
that resource reaches other routes too; what it reaches and must not is denied, and in IAM a Deny always wins:

- a star over a slash, unless an allowed route lies there (then only the routes there that are not allowed);
- a more literal sibling that is not allowed (`/comments/export` beside `/comments/{comment_id}`);
- a percent sign in a star that leads to what is not allowed: it could be decoded after the policy was asked.

What denies a route may take paths of an allowed one. Where it takes those alone that have a literal of another
route for a parameter (`/users/{id}` and `/users/{id}/orders` for `/users/1/orders/orders`), that literal is a
reserved word: no id of the allowed route may be one. Where it takes more, no policy tells the two apart.
"""

from collections.abc import Iterator

from chalicelib.gate.arn_pattern import MANY, Segments, crossings, forced, glob, with_wildcard
from chalicelib.gate.routes import Route, Routes
from chalicelib.scope import Scope

Conflict = tuple[Route, Route, Route, Scope]
"""Three routes and a smallest set of scopes: where the first is allowed, what denies the second takes paths of the
third, which the scopes allow too."""


class Plan:
    """What allowing one route takes beside its resource: what its stars reach. Routes go by their index."""

    __slots__ = ("across", "crossing", "encoded", "level")

    def __init__(self, route: Route) -> None:
        # A star over a slash, where no path of its own has one there; a percent sign in a star.
        paths = [] if route.is_greedy else [glob(each) for each in crossings(route.segments)]
        self.crossing = [route.resource(path) for path in paths]
        self.encoded = [route.resource(path) for path in with_wildcard(route.segments, "*%*")]
        # The paths of others that its stars reach without crossing a slash, and those across one.
        self.level: dict[int, list[str]] = {}
        self.across: dict[int, list[str]] = {}


class WholeApi:
    """The plans of a table's routes, made when they are asked for."""

    __slots__ = ("_others", "_plans", "_shapes", "routes")

    def __init__(self, routes: Routes) -> None:
        self.routes = routes
        self._others: dict[int, list[int]] = {}
        self._plans: dict[int, Plan] = {}
        self._shapes: dict[tuple[int, int], list[Segments]] = {}

    def denied(self, allowed: set[int]) -> list[str]:
        """What has to be denied, without the prefix, where `allowed` are the routes that are allowed."""
        denied: list[str] = []
        for index in sorted(allowed):
            if not self.routes.all[index].has_stars:
                continue
            plan = self._plan(index)
            if not self.routes.decodes_to(index) <= allowed:
                denied += plan.encoded
            for reached in plan.level.keys() - allowed:
                denied += plan.level[reached]
            if plan.crossing and plan.across.keys().isdisjoint(allowed):
                denied += plan.crossing
                continue
            for reached in plan.across.keys() - allowed:
                denied += plan.across[reached]
        return list(dict.fromkeys(denied))  # two routes can reach a third by the same paths

    def denied_for(self, index: int) -> list[str]:
        """All that may have to be denied for the sake of one route."""
        plan = self._plan(index)
        others = [path for reached in (plan.level, plan.across) for paths in reached.values() for path in paths]
        return [*plan.crossing, *plan.encoded, *others]

    def most(self, each: int) -> int:
        """How many characters all resources of a policy take at most, with `each` more for each of them.

        Whatever the scopes are, a route is allowed, with what that takes, or denied wherever a star reaches it.
        """
        allowed = [len(route.allow) + each for route in self.routes.all]
        denied = [0] * len(allowed)
        for index, route in enumerate(self.routes.all):
            if route.has_stars:
                plan = self._plan(index)
                others = self._may_be_denied(index)
                encoded = plan.encoded if others else []
                allowed[index] += sum([len(path) + each for path in encoded])
                crossing = sum([len(path) + each for path in plan.crossing])
                if plan.across:  # no star over a slash is denied but where none of these is allowed
                    denied[next(iter(plan.across))] += crossing
                else:
                    allowed[index] += crossing
                for reached in (plan.level, plan.across):
                    for other in others:
                        denied[other] += sum([len(path) + each for path in reached.get(other, ())])
        return sum(map(max, allowed, denied))

    def conflicts(self) -> Iterator[Conflict]:
        """Each three routes that cannot be told apart, with a smallest set of scopes that is the cause."""
        for index, other, shape in self._deniable():
            literals = {part for part in shape if part is not None and part != MANY}
            for opened in self._may_lose(index):
                route = self.routes.all[opened]
                if opened == other or not literals.issubset(route.segments):
                    continue
                if all(forced(taken, route.segments) for taken in self.routes.reads(opened, shape)):
                    continue
                scope = self._scope(index, other, opened)
                if scope is not None:
                    yield self.routes.all[index], self.routes.all[other], route, scope

    def reserved_words(self) -> set[str]:
        """The literals that an id of an allowed route may not be, with some set of scopes."""
        return {
            word
            for index, other, shape in self._deniable()
            for opened in (index, *self.routes.near(index))
            if opened != other and self._scope(index, other, opened) is not None
            for taken in self.routes.reads(opened, shape)
            for word in forced(taken, self.routes.all[opened].segments)
        }

    def _deniable(self) -> Iterator[tuple[int, int, Segments]]:
        """Each route with a star, another that may be denied while it is allowed, and what is denied of that."""
        for index in range(len(self.routes.all)):
            for other in self._may_be_denied(index):
                for shape in self._reached(index, other):
                    yield index, other, shape

    def _may_be_denied(self, index: int) -> list[int]:
        """The routes near a route that some scopes do not allow, which allow that one."""
        others = self._others.get(index)
        if others is None:
            routes, near = self.routes.all, self.routes.near(index)
            scopes = routes[index].scopes() if near else []
            others = self._others[index] = [
                other for other in near if not all(routes[other].access.allows(scope) for scope in scopes)
            ]
        return others

    def _may_lose(self, index: int) -> list[int]:
        """The routes that may lose a path by what is denied for the sake of one: those that its stars reach."""
        near = self.routes.near(index)
        return [index, *near] if self.routes.all[index].is_greedy else near

    def _scope(self, index: int, other: int, opened: int) -> Scope | None:
        """A smallest set of scopes that allows the first and the third of the routes and not the second."""
        first, denied, third = (self.routes.all[each] for each in (index, other, opened))
        unions = (one | another for one in first.scopes() for another in third.scopes())
        return next((scope for scope in unions if not denied.access.allows(scope)), None)

    def _reached(self, index: int, other: int) -> list[Segments]:
        """The paths of another route that the stars of a route reach."""
        shapes = self._shapes.get((index, other))
        if shapes is None:
            segments = self.routes.all[index].segments
            shapes = self.routes.reads(other, segments)
            if any(MANY in shape and glob(shape) == glob(segments) for shape in shapes):
                # All that the route is not, for it lies within the other.
                shapes = [shape for shape in shapes if glob(shape) != glob(segments)] + crossings(segments)
            self._shapes[index, other] = shapes
        return shapes

    def _plan(self, index: int) -> Plan:
        plan = self._plans.get(index)
        if plan is None:
            route = self.routes.all[index]
            plan = self._plans[index] = Plan(route)
            for other in self.routes.near(index):
                for shape in self._reached(index, other):
                    crosses = route.is_greedy or MANY in shape or len(shape) > len(route.segments)
                    reached = plan.across if crosses else plan.level
                    reached.setdefault(other, []).append(route.resource(glob(shape)))
        return plan


def message(conflict: Conflict) -> str:
    """What `conflict` is, in a sentence."""
    reaching, denied, opened, scope = conflict
    return (
        f"{opened} and {denied} cannot be told apart where {reaching} is allowed: "
        f"with {sorted(scope)}, what denies the second denies paths of the first"
    )
