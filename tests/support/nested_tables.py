"""Nested tables as teams have them, with a scope for each kind of thing: by path, what a GET needs."""

from chalicelib.access_table import Access, access

ORDERS, REPO = "/users/{id}/orders", "/repos/{owner}/{repo}"
TABLES = {
    "orders": {
        "/users/{id}": "users:read",
        ORDERS: "orders:read",
        f"{ORDERS}/{{oid}}": "orders:read",
        f"{ORDERS}/{{oid}}/items": "items:read",
        f"{ORDERS}/{{oid}}/items/{{i}}": "items:read",
    },
    "teams": {"/orgs/{o}": "org", "/orgs/{o}/teams/{t}": "team", "/orgs/{o}/teams/{t}/members/{m}": "member"},
    "repos": {
        REPO: "repo",
        f"{REPO}/issues": "issues",
        f"{REPO}/issues/{{n}}": "issues",
        f"{REPO}/pulls": "pulls",
        f"{REPO}/pulls/{{n}}": "pulls",
        f"{REPO}/actions/runs": "actions",
        f"{REPO}/actions/runs/{{id}}": "actions",
        f"{REPO}/actions/runs/{{id}}/logs": "actions",
    },
    "me": {
        "/users/me": "account",
        "/users/{id}": "users:read",
        "/users/me/sessions": "account",
        "/users/{id}/sessions": "admin",
    },
    "history": {"/a/{x}": "read", "/a/{x}/history": "audit", "/a/{x}/history/{n}": "read"},
}


def rows(name: str) -> tuple[Access, ...]:
    """One of them as an access table has it."""
    return tuple(access("GET", path, scope) for path, scope in TABLES[name].items())
