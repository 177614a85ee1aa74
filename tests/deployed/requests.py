"""One list of requests, for the local gateway and for what is deployed. They are sent in this order.

A `$name` in an address, a header or a body is a value that `saves` of an earlier answer, or the site itself, gave.
"""

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from string import Template
from types import MappingProxyType

ORIGIN = "https://pages.example"  # allowed; any other is not

Headers = tuple[tuple[str, str], ...]

FORM: Headers = (("Content-Type", "application/x-www-form-urlencoded"),)
JSON: Headers = (("Content-Type", "application/json"),)
TEXT: Headers = (("Content-Type", "text/plain"),)
FROM_PAGE: Headers = (("Origin", ORIGIN),)
FROM_ELSEWHERE: Headers = (("Origin", "https://elsewhere.example"),)


@dataclass(frozen=True, slots=True)
class Request:
    """One request. `saves` names the members of the JSON answer to keep, by the names to keep them under."""

    name: str
    method: str
    target: str
    headers: Headers = ()
    body: str = ""
    saves: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def filled(self, values: Mapping[str, str]) -> "Request":
        """This request with every `$name` replaced. Raises `KeyError`."""

        def fill(text: str) -> str:
            return Template(text).substitute(values)

        headers = tuple((name, fill(value)) for name, value in self.headers)
        return Request(self.name, self.method, fill(self.target), headers, fill(self.body), self.saves)


def authorization(value: str) -> Headers:
    return (("Authorization", value),)


def basic(username: str, password: str) -> Headers:
    return authorization("Basic " + b64encode(f"{username}:{password}".encode()).decode())


DEMO = basic("demo", "demo-password")
ADMIN = basic("admin", "admin-password")
TOKEN = authorization("Bearer $access")  # of demo: comments:read comments:write account
NARROW = authorization("Bearer $narrow")  # of demo: comments:read
EVERY = authorization("Bearer $every")  # of admin: all scopes
COOKIE: Headers = (("Cookie", "__Host-gatehouse-refresh=$refresh"),)
PAIR = {"access": "access_token", "refresh": "refresh_token"}


def get(name: str, target: str, headers: Headers = TOKEN) -> Request:
    return Request(name, "GET", target, headers)


def post(name: str, target: str, headers: Headers = (), body: str = "", **saves: str) -> Request:
    return Request(name, "POST", target, headers, body, saves)


PUBLIC = [
    get("the JWK Set", "/.well-known/jwks.json", ()),
    get("the JWK Set, with a bad token", "/.well-known/jwks.json", authorization("Bearer bad")),
    get("the JWK Set, slash at the end", "/.well-known/jwks.json/", ()),
    post("the JWK Set, posted to", "/.well-known/jwks.json"),
]

SIGN_IN = [
    post("sign in", "/tokens", DEMO, **PAIR),
    post(
        "sign in, scope narrowed in JSON",
        "/tokens",
        DEMO + JSON,
        '{"scope": "comments:read"}',
        narrow="access_token",
    ),
    post("sign in as the administrator", "/tokens", ADMIN, every="access_token"),
    post("sign in from an allowed page", "/tokens", DEMO + FROM_PAGE),
    post("sign in from another page", "/tokens", DEMO + FROM_ELSEWHERE),
    post("sign in, refresh token as cookie", "/tokens", DEMO + FORM + FROM_PAGE, "refresh_token_in=cookie"),
    post("sign in, slash at the end", "/tokens/", DEMO),
    post("sign in, bad password", "/tokens", basic("demo", "wrong-password")),
    post("sign in, unknown user", "/tokens", basic("nobody", "demo-password")),
    post("sign in, no credentials", "/tokens"),
    post("sign in, credentials that are no Base64", "/tokens", authorization("Basic ???")),
    post("sign in, another scheme", "/tokens", authorization("Bearer abc")),
    post("sign in, a scope that nobody has", "/tokens", DEMO + FORM, "scope=everything"),
    post("sign in, JSON that is none", "/tokens", DEMO + JSON, "{"),
    post("sign in, another media type", "/tokens", (*DEMO, ("Content-Type", "application/xml")), "<a/>"),
    post("sign in, a form twice the same field", "/tokens", DEMO + FORM, "scope=account&scope=account"),
    post("sign in, too large", "/tokens", DEMO + FORM, "scope=" + 33_000 * "a"),
]

TOKENS = [
    get("no token", "/me", ()),
    get("an empty header", "/me", authorization("")),
    get("another scheme", "/me", DEMO),
    get("the scheme alone", "/me", authorization("Bearer")),
    get("the token alone", "/me", authorization("$access")),
    get("an unknown scheme", "/me", authorization("Token $access")),
    get("no token of ours", "/me", authorization("Bearer abc")),
    get("a token with other characters", "/me", authorization("Bearer a{b}")),
    get("an expired token", "/me", authorization("Bearer $expired")),
    get("a token of another key", "/me", authorization("Bearer $foreign")),
    get("a token of another issuer", "/me", authorization("Bearer $elsewhere")),
    get("a token too long", "/me", authorization("Bearer " + 8_193 * "a")),
    get("two headers", "/me", TOKEN + TOKEN),
    get("a right token", "/me"),
    get("lower-case bearer", "/me", authorization("bearer $access")),
    get("two spaces", "/me", authorization("Bearer  $access")),
    get("a tab", "/me", authorization("Bearer\t$access")),
    get("a space at the end", "/me", authorization("Bearer $access ")),
    get("no token, from an allowed page", "/me", FROM_PAGE),
    get("a right token, from an allowed page", "/me", TOKEN + FROM_PAGE),
    get("a right token, from another page", "/me", TOKEN + FROM_ELSEWHERE),
]

SCOPES = [
    get("another route, policy cached", "/comments"),
    get("a third route, policy cached", "/me/sessions"),
    post("a route beyond the scopes, policy cached", "/users", TOKEN + JSON, "{}"),
    post("a comment", "/comments", EVERY + JSON, '{"message": "hello"}', comment="comment_id"),
    get("a comment read", "/comments/$comment"),
    get("a comment's history, beyond the scopes", "/comments/$comment/history"),
    get("a comment's history", "/comments/$comment/history", EVERY),
    post("a flag, beyond the scopes", "/comments/$comment/flags", TOKEN),
    post("a comment, beyond a narrow scope", "/comments", NARROW + JSON, '{"message": "hello"}'),
    get("comments, by a narrow scope", "/comments", NARROW),
    Request("somebody else's comment deleted", "DELETE", "/comments/$comment", TOKEN),
    get("a comment that is not there", "/comments/nothing"),
    get("a page that was never given", "/comments?next=%21"),
    get("a parameter twice", "/comments?next=a&next=b"),
]

PATHS = [
    get("slash at the end", "/me/"),
    get("two slashes at the end", "/me//"),
    get("two slashes at the start", "//me"),
    get("slash at the end of a list", "/comments/"),
    get("slash at the end of an id", "/comments/$comment/"),
    get("an empty id", "/comments//history", EVERY),
    get("slash at the end of what is denied", "/comments/$comment/history/"),
    get("two slashes before what is denied", "/comments/$comment//history"),
    get("two slashes before all that is denied", "//comments/$comment/history"),
    get("an encoded letter of a route", "/%6De"),
    get("an encoded letter of what is denied", "/comments/$comment/hist%6Fry"),
    get("an encoded slash before what is denied", "/comments/$comment%2Fhistory"),
    get("an encoded slash, doubly", "/comments/$comment%252Fhistory"),
    get("an encoded letter of an id", "/comments/%6Eothing"),
    get("an encoded slash in an id", "/comments/a%2Fb"),
    get("an encoded space in an id", "/comments/a%20b"),
    get("an encoded asterisk in an id", "/comments/%2A"),
    get("an asterisk for an id", "/comments/*"),
    get("half of an escape", "/comments/%4"),
    get("no UTF-8", "/comments/%FF"),
    get("a dot for an id", "/comments/."),
    get("two dots for an id", "/comments/.."),
    get("dots that lead to a route", "/comments/../me"),
    get("encoded dots that lead to a route", "/comments/%2E%2E/me"),
    get("a path parameter after a semicolon", "/me;a=b"),
    get("capital letters", "/ME"),
    get("a long id", "/comments/" + 64 * "a"),
    get("an id too long", "/comments/" + 65 * "a"),
    get("a path too long", "/comments/" + 1_700 * "a"),
    get("a path too long, without a token", "/comments/" + 1_700 * "a", ()),
    get("headers of 11,000 bytes", "/me", (*TOKEN, ("X-Long", 11_000 * "a"))),
    get("a long query", "/comments?a=" + 4_000 * "a"),
    get("the root", "/", ()),
    get("an unknown route", "/nothing", ()),
    get("an unknown route, with a token", "/nothing"),
    get("an unknown route, with a password", "/nothing", DEMO),
    get("a longer route", "/me/nothing"),
    Request("an unknown method", "PATCH", "/comments", ()),
    Request("an unknown method, with a token", "PATCH", "/comments", TOKEN),
    Request("HEAD", "HEAD", "/me", TOKEN),
]

PREFLIGHTS = [
    Request("a preflight", "OPTIONS", "/comments", FROM_PAGE),
    Request("a preflight from another page", "OPTIONS", "/comments", FROM_ELSEWHERE),
    Request("a preflight of a longer route", "OPTIONS", "/comments/$comment/history", FROM_PAGE),
    Request("a preflight, slash at the end", "OPTIONS", "/comments/", FROM_PAGE),
    Request("a preflight of an unknown route", "OPTIONS", "/nothing", FROM_PAGE),
]

REFRESH = [
    post("refresh", "/tokens/refresh", FORM, "refresh_token=$refresh", first="refresh_token"),
    post(
        "refresh again, the answer lost", "/tokens/refresh", FORM, "refresh_token=$refresh", second="refresh_token"
    ),
    post("refresh in JSON", "/tokens/refresh", JSON, '{"refresh_token": "$second"}', third="refresh_token"),
    post("refresh in plain text", "/tokens/refresh", TEXT, "$third", **PAIR),
    post("refresh by cookie", "/tokens/refresh", FROM_PAGE + COOKIE),
    post("refresh by cookie, from nowhere", "/tokens/refresh", COOKIE),
    post("refresh with what is no token", "/tokens/refresh", FORM, "refresh_token=gtr_AAAA"),
    post("refresh with an access token", "/tokens/refresh", FORM, "refresh_token=$access"),
    post("refresh with nothing", "/tokens/refresh"),
    post("refresh, slash at the end", "/tokens/refresh/"),
    get("refresh by GET", "/tokens/refresh", ()),
    post("a session reused after its token was replaced", "/tokens/refresh", FORM, "refresh_token=$first"),
]

LOGOUT = [
    post("sign in to log out", "/tokens", DEMO, access="access_token", refresh="refresh_token"),
    post("log out of what is none", "/logout?sessions=some", TOKEN),
    post("log out", "/logout", TOKEN),
    get("after logging out", "/me"),
    get("another route after logging out", "/comments"),
    post("log out again", "/logout", TOKEN),
    post("refresh after logging out", "/tokens/refresh", FORM, "refresh_token=$refresh"),
]

REQUESTS = [*PUBLIC, *SIGN_IN, *TOKENS, *SCOPES, *PATHS, *PREFLIGHTS, *REFRESH, *LOGOUT]
