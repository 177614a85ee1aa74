"""Paths and patterns as tuples of segments, and what an IAM wildcard can make of them. Pure.

A parameter fills a whole segment, so a `*` written for it always stands between two slashes, or between a slash
and the end. IAM lets it match any run of characters, slashes too: one segment or more, empty ones as well. That
makes "which routes does this resource reach?" a question about segments, and it has an exact answer.
"""

import re
from collections.abc import Iterator

Segments = tuple[str | None, ...]
"""The segments of a path after its first slash. `None` is a parameter in a route, a `*` in a pattern."""

# What API Gateway takes as a path part. Nothing that IAM gives a meaning (`*`, `?`, `${`) is in it, and no `%`.
_LITERAL = re.compile(r"[A-Za-z0-9._:-]+")
_PARAMETER = re.compile(r"\{[A-Za-z0-9_]+\}")


def parse(path: str) -> Segments:
    """The segments of a Chalice path such as `/comments/{comment_id}`; the root is `("",)`.

    Raises `ValueError` for a part that is neither a plain literal nor one parameter.
    """
    if path == "/":
        return ("",)
    root, *parts = path.split("/")
    if root or not parts:
        raise ValueError("the path does not begin with a slash")
    for part in parts:
        if not _LITERAL.fullmatch(part) and not _PARAMETER.fullmatch(part):
            raise ValueError(f"the path part {part!r} is neither a literal of [A-Za-z0-9._:-] nor one parameter")
    return tuple(None if part.startswith("{") else part for part in parts)


def glob(pattern: Segments, wildcard: str = "*") -> str:
    """`pattern` as the path of an IAM resource."""
    return "".join(f"/{wildcard if part is None else part}" for part in pattern)


def widened(pattern: Segments, wildcard: str) -> list[str]:
    """`pattern` once for each of its stars, with `wildcard` in that star's place."""
    stars = [index for index, part in enumerate(pattern) if part is None]
    return [glob(pattern[:index]) + f"/{wildcard}" + glob(pattern[index + 1 :]) for index in stars]


def overlaps(pattern: Segments, route: Segments) -> Iterator[Segments]:
    """Every way in which `pattern`, its stars crossing slashes, matches paths of `route`.

    Each is `route` with the values that the pattern's literals force on its parameters; `None` is left for a
    parameter that may have any value. Together they are the intersection.
    """
    if not pattern or not route:
        if pattern == route:
            yield ()
        return
    first, rest = pattern[0], pattern[1:]
    if first is None:
        for taken in range(1, len(route) + 1):
            for tail in overlaps(rest, route[taken:]):
                yield route[:taken] + tail
    elif route[0] == first or (route[0] is None and first):  # a parameter is never empty
        for tail in overlaps(rest, route[1:]):
            yield (first, *tail)


def admits(route: Segments, path: Segments) -> bool:
    """Whether every path of the shape `path` is one of `route`'s, segment by segment. Of one length."""
    return all(part is None or part == value for part, value in zip(route, path, strict=True))


def outranks(route: Segments, other: Segments) -> bool:
    """Whether `route` is served where both match: of one length, and a literal first where they differ."""
    if len(route) != len(other):
        return False
    return [part is None for part in route] < [part is None for part in other]
