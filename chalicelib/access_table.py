"""Who may reach what: every route, its method, and who checks the caller. The only place that says so.

A route is of one of three kinds:

    public      anyone may reach it
    guarded     the gate checks an access token, and its scopes open the route
    function    the API function authenticates the caller itself, as `checked_by` says; there is no authorizer

The gate compiles the guarded routes to an IAM policy (`gate/policy.py`), and the API function asks this table
again before any handler runs. To protect a route of your own, add a line here.
"""

from enum import Enum
from typing import NamedTuple

from chalicelib.scope import Scope


class Kind(Enum):
    """Who checks the caller of a route."""

    PUBLIC = "public"
    GUARDED = "guarded"
    FUNCTION = "function"


# What API Gateway calls ANY.
METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
ANY = "ANY"


class Access(NamedTuple):
    """A row: a path with one, several or all of its methods, and what a caller must hold to use it.

    `method` is `GET`, `GET HEAD` or `ANY`. `path` is written as API Gateway writes it: `/comments/{comment_id}`,
    `/files/{path+}`. A token for a guarded route needs at least one word of `any_of` (where any are named) and
    every word of `all_of`. With neither, every valid token will do. `description` says in words what the route
    does, and `resource` is the API that it belongs to (RFC 8707), where it is not this service's own.

    `hashes` says that the handler hashes a password (Argon2id), the dearest thing that a caller may ask for: such
    a route has a limit of its own at API Gateway.
    """

    method: str
    path: str
    any_of: Scope = frozenset()
    all_of: Scope = frozenset()
    kind: Kind = Kind.GUARDED
    checked_by: str = "the gate"
    hashes: bool = False
    description: str = ""
    resource: str = ""

    @property
    def methods(self) -> tuple[str, ...]:
        """Each of its methods."""
        return METHODS if self.method == ANY else tuple(self.method.split(" "))

    def allows(self, scope: Scope) -> bool:
        """Whether a token with `scope` may use this route."""
        return self.all_of <= scope and (not self.any_of or bool(self.any_of & scope))


def access(method: str, path: str, *any_of: str, hashes: bool = False) -> Access:
    """A guarded route that needs one of the scopes `any_of`; none named: any valid token."""
    return Access(method, path, any_of=frozenset(any_of), hashes=hashes)


def public(method: str, path: str, *, hashes: bool = False) -> Access:
    """A route for anyone."""
    return Access(method, path, kind=Kind.PUBLIC, checked_by="nobody", hashes=hashes)


def in_function(method: str, path: str, checked_by: str, *, hashes: bool = False) -> Access:
    """A route whose caller the function authenticates; `checked_by` says how."""
    return Access(method, path, kind=Kind.FUNCTION, checked_by=checked_by, hashes=hashes)


ACCESS_TABLE = (
    public("GET", "/.well-known/jwks.json"),
    in_function("POST", "/tokens", "username and password", hashes=True),
    in_function("POST", "/tokens/refresh", "the refresh token; in a cookie with an allowed Origin"),
    access("POST", "/logout"),
    access("GET", "/me"),
    access("PUT", "/me/password", "account", hashes=True),
    access("GET", "/me/sessions", "account"),
    access("DELETE", "/me/sessions/{session_id}", "account"),
    access("POST", "/users", "users:write", hashes=True),
    access("GET", "/comments", "comments:read"),
    access("POST", "/comments", "comments:write"),
    access("GET", "/comments/{comment_id}", "comments:read"),
    access("DELETE", "/comments/{comment_id}", "comments:write"),
    access("POST", "/comments/{comment_id}/flags", "comments:moderate"),
    access("GET", "/comments/{comment_id}/history", "comments:moderate"),
)

# Where the stage allows open sign-up, anyone may make an account.
OPEN_SIGN_UP = public("POST", "/users", hashes=True)

_ENTRIES = {(method, each.path): each for each in ACCESS_TABLE for method in each.methods}


def guarded() -> tuple[Access, ...]:
    """The routes that the gate guards."""
    return tuple(each for each in ACCESS_TABLE if each.kind is Kind.GUARDED)


def hashing() -> tuple[Access, ...]:
    """The routes whose handler hashes a password."""
    return tuple(each for each in ACCESS_TABLE if each.hashes)


def entry(method: str, path: str, *, open_sign_up: bool = False) -> Access | None:
    """The entry of the route, `path` as Chalice writes it; `None` for a route that is not served.

    `open_sign_up` is the stage's setting. A preflight carries no token (Fetch §3.2.2).
    """
    if method == "OPTIONS":
        return public(method, path)
    if open_sign_up and (method, path) == (OPEN_SIGN_UP.method, OPEN_SIGN_UP.path):
        return OPEN_SIGN_UP
    return _ENTRIES.get((method, path))
