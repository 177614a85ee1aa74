"""The refresh token as a cookie that no page can read, for clients in a browser (RFC 6265bis).

Setting it and using it both need an `Origin` that the stage allows. A browser sends cookies unasked (RFC 6749
§10.12); and whoever could have another's token set would have the victim go on as the attacker (RFC 6265bis §8.6).
"""

from collections.abc import Sequence

from chalice.app import Request

from chalicelib.errors import InvalidGrantError, InvalidRequestError
from chalicelib.web.body import Body

# RFC 6265bis §4.1.3.2: with the prefix __Host- only this very host can have set it, over HTTPS, for all paths.
NAME = "__Host-gatehouse-refresh"
_ATTRIBUTES = "Path=/; Secure; HttpOnly; SameSite=Strict"


def wanted(body: Body, request: Request, allowed_origins: Sequence[str]) -> bool:
    """Whether the client asked for the refresh token as a cookie, to be set by the answer.

    Raises `InvalidRequestError`.
    """
    place = body.optional("refresh_token_in")
    if place not in (None, "cookie"):
        raise InvalidRequestError("The field refresh_token_in must be cookie.")
    if place is None:
        return False
    if not _is_allowed(request, allowed_origins):
        raise InvalidRequestError("The cookie is set for a page of an allowed Origin only.")
    return True


def setting(refresh_token: str, lifetime: int) -> str:
    """The Set-Cookie value for `refresh_token`, for `lifetime` seconds."""
    return f"{NAME}={refresh_token}; Max-Age={lifetime}; {_ATTRIBUTES}"


def clearing() -> str:
    """The Set-Cookie value that removes the cookie."""
    return f"{NAME}=; Max-Age=0; {_ATTRIBUTES}"


def presented(request: Request, allowed_origins: Sequence[str]) -> str | None:
    """The refresh token in the cookie, if there is one. Raises `InvalidGrantError`."""
    cookies: str = request.headers.get("cookie", "")
    pairs = (pair.strip().partition("=") for pair in cookies.split(";"))
    values = [value for name, _, value in pairs if name == NAME]
    if not values:
        return None
    if len(values) > 1 or not _is_allowed(request, allowed_origins):
        raise InvalidGrantError(detail="cookie without an allowed Origin")
    return values[0]


def _is_allowed(request: Request, allowed_origins: Sequence[str]) -> bool:
    return request.headers.get("origin") in allowed_origins
