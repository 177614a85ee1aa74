"""Requests of the demo users, sent through the local gateway."""

import json
from base64 import b64encode
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from infra.local.gateway import Answer, Gateway

_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
_ADDRESS = "192.0.2.7"


@dataclass(frozen=True)
class Client:
    """Asks `gateway`."""

    gateway: Gateway

    def send(self, method: str, target: str, headers: dict[str, str], body: str = "") -> Answer:
        """The answer to one request."""
        return self.gateway.handle(method, target, headers.items(), body.encode(), _ADDRESS)

    def sign_in(self, username: str, password: str) -> Answer:
        """A new session."""
        return self.send("POST", "/tokens", basic(username, password))

    def refresh(self, refresh_token: str) -> Answer:
        """The next tokens of a session."""
        return self.send("POST", "/tokens/refresh", _FORM, urlencode({"refresh_token": refresh_token}))


def basic(username: str, password: str) -> dict[str, str]:
    """HTTP Basic credentials (RFC 7617)."""
    return {"Authorization": "Basic " + b64encode(f"{username}:{password}".encode()).decode()}


def bearer(access_token: str) -> dict[str, str]:
    """An access token as a bearer token (RFC 6750 §2.1)."""
    return {"Authorization": f"Bearer {access_token}"}


def tokens(answer: Answer) -> Any:
    """The token response in `answer`."""
    return json.loads(answer.body)
