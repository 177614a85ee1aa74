"""Access tables of any size, like those of APIs that have one."""

from collections.abc import Iterable
from itertools import islice

from chalicelib.access_table import Access, access
from chalicelib.scope import Scope

# A kind of thing as many APIs have it: collection, member, what belongs to a member, and a literal beside it.
_OF_A_KIND = (
    ("GET", "", "read"),
    ("POST", "", "write"),
    ("GET", "/export", "moderate"),
    ("GET", "/{thing_id}", "read"),
    ("PUT", "/{thing_id}", "write"),
    ("PATCH", "/{thing_id}", "write"),
    ("DELETE", "/{thing_id}", "write"),
    ("GET", "/{thing_id}/parts", "read"),
    ("GET", "/{thing_id}/history", "moderate"),
    ("POST", "/{thing_id}/flags", "moderate"),
)


def routes(count: int) -> list[Access]:
    """An access table of `count` routes, ten for each kind of thing and three scopes for each."""
    kinds = [f"things{number}" for number in range(-(-count // len(_OF_A_KIND)))]
    entries = (
        access(method, f"/{kind}{path}", f"{kind}:{may}") for kind in kinds for method, path, may in _OF_A_KIND
    )
    return list(islice(entries, count))


def read_and_write(entries: Iterable[Access]) -> Scope:
    """All scopes of such a table but those that moderate."""
    words: Scope = frozenset().union(*(entry.any_of for entry in entries))
    return frozenset(word for word in words if not word.endswith(":moderate"))
