"""An HTTP client of the served API, as a newcomer would write one; and a clock to turn."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from http.cookies import Morsel, SimpleCookie
from typing import Any
from urllib.parse import urlencode

from infra.local.gateway import Gateway

FORM = "application/x-www-form-urlencoded"


class Clock:
    """Tells the NumericDate that the test has set."""

    def __init__(self, now: int = 1_800_000_000) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: int) -> None:
        self.now += seconds


@dataclass(frozen=True)
class Reply:
    """An answer. Header names are in lower case, each with its last value."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def cookie(self) -> Morsel[str]:
        """The one cookie that the answer sets."""
        (morsel,) = SimpleCookie(self.headers["set-cookie"]).values()
        return morsel

    def problem(self) -> tuple[int, str]:
        """Status and detail of problem details, after checking their form (RFC 9457 §3.1)."""
        assert self.headers["content-type"] == "application/problem+json"
        problem = self.json
        assert set(problem) == {"type", "title", "status", "detail"}
        assert problem["status"] == self.status
        return self.status, problem["detail"]


@dataclass(frozen=True)
class Client:
    """Sends requests through the local gateway."""

    gateway: Gateway

    def send(
        self, method: str, target: str, headers: Mapping[str, str] | None = None, body: bytes | str = b""
    ) -> Reply:
        data = body.encode() if isinstance(body, str) else body
        answer = self.gateway.handle(method, target, (headers or {}).items(), data, "192.0.2.7")
        named = {name.lower(): value for name, value in answer.headers}
        return Reply(answer.status, named, answer.body)

    def form(self, target: str, headers: Mapping[str, str] | None = None, **fields: str) -> Reply:
        return self.send("POST", target, {"Content-Type": FORM, **(headers or {})}, urlencode(fields))

    def json(
        self, target: str, fields: object, headers: Mapping[str, str] | None = None, method: str = "POST"
    ) -> Reply:
        typed = {"Content-Type": "application/json", **(headers or {})}
        return self.send(method, target, typed, json.dumps(fields))

    def sign_in(
        self,
        username: str,
        password: str = "demo-password",
        *,
        headers: Mapping[str, str] | None = None,
        **fields: str,
    ) -> Reply:
        return self.form("/tokens", basic(username, password) | dict(headers or {}), **fields)

    def refresh(self, refresh_token: str, headers: Mapping[str, str] | None = None, **fields: str) -> Reply:
        return self.form("/tokens/refresh", headers, refresh_token=refresh_token, **fields)

    def access_token(self, username: str, password: str = "demo-password", **fields: str) -> str:
        """The access token of a new session."""
        token: str = self.form("/tokens", basic(username, password), **fields).json["access_token"]
        return token

    def get(self, target: str, token: str) -> Reply:
        return self.send("GET", target, bearer(token))


# What a browser adds to the requests of a page that the stage allows.
FROM_PAGE = {"Origin": "https://pages.example"}
# And what anybody else's requests have, a form on another site among them.
WITHOUT_AN_ALLOWED_ORIGIN: tuple[Mapping[str, str], ...] = (
    {},
    *(
        {"Origin": origin}
        for origin in (
            "null",
            "https://evil.example",
            "http://pages.example",
            "https://pages.example:8443",
            "https://pages.example.evil.example",
            "https://Pages.example",
            "https://pages.example https://gatehouse.example",
        )
    ),
)


def basic(username: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()}


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}
