"""Who may reach what: every protected route, its method and its scopes. The only place that says so.

The gate compiles this table to an IAM policy (`policy.py`), and the API function asks it again before any
handler runs (`routes/caller.py`). To protect a route of your own, add a line here.
"""

from typing import NamedTuple

from chalicelib.scope import Scope


class Access(NamedTuple):
    """One method of one route, and what a token must hold to use it.

    `path` is written as Chalice writes it: `/comments/{comment_id}`. A token needs at least one word of
    `any_of` (where any are named) and every word of `all_of`. With neither, every valid token will do.
    """

    method: str
    path: str
    any_of: Scope = frozenset()
    all_of: Scope = frozenset()

    def allows(self, scope: Scope) -> bool:
        """Whether a token with `scope` may use this route."""
        return self.all_of <= scope and (not self.any_of or bool(self.any_of & scope))


def access(method: str, path: str, *any_of: str) -> Access:
    """A route that needs one of the scopes `any_of`; none named: any valid token."""
    return Access(method, path, any_of=frozenset(any_of))


ACCESS_TABLE = (
    access("POST", "/logout"),
    access("GET", "/me"),
    access("PUT", "/me/password", "account"),
    access("GET", "/me/sessions", "account"),
    access("DELETE", "/me/sessions/{session_id}", "account"),
    access("POST", "/users", "users:write"),
    access("GET", "/comments", "comments:read"),
    access("POST", "/comments", "comments:write"),
    access("GET", "/comments/{comment_id}", "comments:read"),
    access("DELETE", "/comments/{comment_id}", "comments:write"),
    access("POST", "/comments/{comment_id}/flags", "comments:moderate"),
    access("GET", "/comments/{comment_id}/history", "comments:moderate"),
)

# What anyone may reach without a token: what gives tokens, and the keys to verify them by.
PUBLIC_ROUTES = frozenset(
    {
        ("POST", "/tokens"),
        ("POST", "/tokens/refresh"),
        ("GET", "/.well-known/jwks.json"),
    }
)
# Those of them that sign: what has been revoked must have reached them too.
SIGNING_ROUTES = frozenset({("POST", "/tokens"), ("POST", "/tokens/refresh")})
OPEN_SIGN_UP_ROUTES = frozenset({("POST", "/users")})


def is_public(method: str, path: str, *, open_sign_up: bool) -> bool:
    """Whether the route takes no token; `open_sign_up` is the stage's setting."""
    route = (method, path)
    return method == "OPTIONS" or route in PUBLIC_ROUTES or (open_sign_up and route in OPEN_SIGN_UP_ROUTES)
