"""How an API is guarded and why, in words and figures: for whoever starts, packages or reviews it."""

from typing import NamedTuple

from chalicelib.gate.by_route import resources
from chalicelib.gate.policy import LONG_PREFIX, MAX_POLICY_BYTES, MAX_RESOURCE_LENGTH, AccessTable
from chalicelib.gate.whole_api import message

WHOLE, BY_ROUTE = "whole API", "by route"
_MOST_NAMED = 5


class Explanation(NamedTuple):
    """What an access table comes to.

    `causes` are the sets of scopes that no policy for the whole API does, each with the routes that it fails at.
    `bytes` and `longest_resource` are at most that, under the longest prefix of an ARN.
    """

    mode: str
    why: str
    causes: dict[str, str]
    reserved_words: list[str]
    bytes: int
    longest_resource: int


def explain(table: AccessTable) -> Explanation:
    """The explanation of `table`."""
    causes: dict[str, str] = {}
    for conflict in table.whole.conflicts():
        causes.setdefault(" ".join(sorted(conflict[3])), message(conflict))
    mode = WHOLE if table.cause is None else BY_ROUTE
    size, longest = _whole(table) if mode == WHOLE else _by_route(table)
    why = table.cause or "one policy tells all its routes apart, for every set of scopes"
    return Explanation(mode, why, causes, sorted(table.reserved_words()), size, longest + len(LONG_PREFIX))


def text(name: str, table: AccessTable) -> str:
    """The explanation of the API `name`, in lines."""
    found = explain(table)
    asked = "one policy for the whole API" if found.mode == WHOLE else "one policy for each route"
    lines = [f"{name} is guarded by {asked}, {len(table.routes.all)} routes: {found.why}."]
    if found.causes:
        named = [f"[{scopes}]" for scopes in found.causes]
        more = len(named) - _MOST_NAMED
        rest = f" and {more} more" if more > 0 else ""
        lines.append(f"  Sets of scopes that need it: {', '.join(named[:_MOST_NAMED])}{rest}.")
    words = ", ".join(found.reserved_words) or "none"
    lines.append(f"  Reserved words, which may be refused as ids with 403: {words}.")
    lines.append(
        f"  A policy takes at most {found.bytes:,} of {MAX_POLICY_BYTES:,} bytes, "
        f"a resource {found.longest_resource} of {MAX_RESOURCE_LENGTH} characters."
    )
    return "\n".join(lines)


def _whole(table: AccessTable) -> tuple[int, int]:
    """The bytes of the largest policy and the characters of the longest resource, without the prefix."""
    allowed = [route.allow for route in table.routes.all]
    denied = [path for index in range(len(allowed)) for path in table.whole.denied_for(index)]
    return table.size(), max(map(len, allowed + denied), default=0)


def _by_route(table: AccessTable) -> tuple[int, int]:
    largest = longest = 0
    for index, _ in enumerate(table.routes.all):
        allow, denied = resources(table.routes, index)
        largest = max(largest, table.size_of([allow, *denied]))
        longest = max(longest, *map(len, (allow, *denied)))
    return largest, longest
