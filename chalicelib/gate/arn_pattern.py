"""Paths and patterns as tuples of segments, and what an IAM wildcard can make of them. Pure.

A parameter fills a whole segment, so a `*` written for it always stands between two slashes, or between a slash
and the end. IAM lets it match any run of characters, slashes too: one segment or more, empty ones as well. That
makes "which routes does this resource reach?" a question about segments, and it has an exact answer.
"""

Segments = tuple[str | None, ...]
"""The segments of a path after its first slash. `None` is a parameter, `MANY` a greedy one; IAM's `*` is both."""

# One segment or more. In a route it is the last; no literal is written so.
MANY = "*"

# What API Gateway takes in a path part. Nothing that IAM gives a meaning (`*`, `?`, `${`) is in it, and no `%`.
# Sets, for making a regular expression takes longer than reading a table.
_NAME = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:-")
_LITERAL = _NAME | frozenset("$,+=@~")


def parse(path: str) -> Segments:
    """The segments of a path such as `/files/{owner}/{path+}`; the root is `("",)`.

    Raises `ValueError` for a part that is neither a plain literal nor one parameter, or follows a greedy one.
    """
    if path == "/":
        return ("",)
    root, *parts = path.split("/")
    if root or not parts:
        raise ValueError("the path does not begin with a slash")
    segments = tuple([_segment(part) for part in parts])
    if MANY in segments[:-1]:
        raise ValueError("something follows the greedy part, and API Gateway lets nothing follow it")
    return segments


def _segment(part: str) -> str | None:
    # Steps through a path (RFC 3986 §5.2.4) are no names.
    if part and part not in {".", ".."} and _LITERAL.issuperset(part):
        return part
    name = part[1:-1].removesuffix("+")
    if name and part[0] + part[-1] == "{}" and _NAME.issuperset(name):
        return MANY if part[-2] == "+" else None
    raise ValueError(f"the path part {part!r} is neither a literal of [A-Za-z0-9._:$,+=@~-] nor one parameter")


def glob(pattern: Segments, wildcard: str = "*") -> str:
    """`pattern` as the path of an IAM resource."""
    return "".join([f"/{wildcard if part is None or part == MANY else part}" for part in pattern])


def stars(pattern: Segments) -> list[int]:
    """Where `pattern` has stars."""
    return [index for index, part in enumerate(pattern) if part is None or part == MANY]


def with_wildcard(pattern: Segments, wildcard: str) -> list[str]:
    """`pattern` once for each of its stars, with `wildcard` in that star's place."""
    return [glob(pattern[:star]) + f"/{wildcard}" + glob(pattern[star + 1 :]) for star in stars(pattern)]


def crossings(route: Segments) -> list[Segments]:
    """`route` once for each star that may not take a slash, with two stars in that star's place.

    Those that end in a greedy part without a literal between may: whatever they take, it is a path of the route.
    """
    end = len(route)
    if route[-1] == MANY:
        while end and (route[end - 1] is None or route[end - 1] == MANY):
            end -= 1
    return [(*route[:star], None, None, *route[star + 1 :]) for star in stars(route) if star < end]


def overlaps(pattern: Segments, route: Segments) -> list[Segments]:
    """Every way in which `pattern`, its stars crossing slashes, matches paths of `route`.

    Each is `route` with the values that the pattern's literals force on its parameters; `None` is left for a
    parameter that may have any value. Together they are the intersection.
    """
    if not pattern or not route:
        return [()] if pattern == route else []
    first, rest, head = pattern[0], pattern[1:], route[0]
    if head == MANY:  # takes all that is left of the pattern
        return [tuple([MANY if part is None else part for part in pattern])] if first != "" else []
    if first is None or first == MANY:
        found = [
            route[:taken] + tail for taken in range(1, len(route) + 1) for tail in overlaps(rest, route[taken:])
        ]
        if rest and route[-1] == MANY:  # the star goes on into the greedy part
            found += [route + tail for tail in overlaps(rest, (MANY,))]
        return found
    if head == first or (head is None and first):  # a parameter is never empty
        return [(first, *tail) for tail in overlaps(rest, route[1:])]
    return []


def leads_to(pattern: Segments, route: Segments) -> bool:
    """Whether `pattern` matches a path of `route` where its stars cross slashes or are left out altogether.

    That is how far a star reaches whose value is decoded: `%2F` may be a slash, and empty segments may be dropped.
    """
    if not pattern:
        return not route or route == ("",)  # the root is what is left of nothing
    if route and route[0] == MANY:
        return pattern != ("",)
    first, rest = pattern[0], pattern[1:]
    if first is None or first == MANY:
        return leads_to(rest, route) or (bool(route) and leads_to(pattern, route[1:]))
    return bool(route) and (route[0] == first or (route[0] is None and first != "")) and leads_to(rest, route[1:])


def covers(route: Segments, shape: Segments) -> bool:
    """Whether every path of the shape `shape` is one of `route`'s, segment by segment."""
    for index, part in enumerate(route):
        if index == len(shape) or shape[index] == "":
            return route == shape
        if part == MANY:
            return True
        if shape[index] == MANY or (part is not None and part != shape[index]):
            return False
    return len(route) == len(shape)


def meet(one: Segments, other: Segments) -> Segments | None:
    """The paths that are of both routes, segment by segment; `None` where there are none."""
    met: list[str | None] = []
    for index, (mine, its) in enumerate(zip(one, other, strict=False)):
        if "" in (mine, its):
            return one if one == other else None
        if mine == MANY:
            return (*met, *other[index:])
        if its == MANY:
            return (*met, *one[index:])
        if mine is not None and its is not None and mine != its:
            return None
        met.append(mine if its is None else its)
    return tuple(met) if len(one) == len(other) else None


def forced(shape: Segments, route: Segments) -> set[str]:
    """The values that `shape`, of `overlaps`, forces on the parameters of `route`."""
    free = [index >= len(route) or route[index] is None or route[index] == MANY for index in range(len(shape))]
    return {part for part, is_free in zip(shape, free, strict=True) if is_free and part not in (None, MANY)}
