"""Clients: by which grants each may ask for tokens, for what, and how long these live (RFC 6749 §2)."""

from dataclasses import dataclass

from chalicelib.scope import Scope


@dataclass(frozen=True, slots=True)
class Client:
    """A client as it is registered. Lifetimes are in seconds.

    `scope` bounds what any of its tokens may do; `None` is no bound but the user's own. A session ends
    `idle_lifetime` after its last refresh and `absolute_lifetime` after its first token; `refresh_grace` is for
    how long the refresh token before the newest one still gets the same successor.
    """

    client_id: str
    grant_types: frozenset[str]
    access_token_lifetime: int
    idle_lifetime: int
    absolute_lifetime: int
    refresh_grace: int
    scope: Scope | None = None
