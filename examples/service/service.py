"""A service that takes Gatehouse's access tokens, and verifies them by itself with the public keys.

    python examples/service/service.py

`ISSUER` is whose tokens it takes (default http://127.0.0.1:8000, which is `make run`), `AUDIENCE` what they are
for (default: the issuer), `PORT` where it listens (default 8001; 0 takes any).
"""

import json
import os
import signal
import sys
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt

ISSUER = os.environ.get("ISSUER", "http://127.0.0.1:8000")
AUDIENCE = os.environ.get("AUDIENCE", ISSUER)
PORT = int(os.environ.get("PORT", "8001"))

# The keys are fetched once in five minutes; for a key that is not among them, at most once in ten seconds.
KEYS = jwt.PyJWKClient(f"{ISSUER}/.well-known/jwks.json", lifespan=300, cooldown_duration=10, timeout=5)

ORDERS = [{"order_id": "o1", "item": "a gate"}, {"order_id": "o2", "item": "a fence"}]
NEEDED_SCOPE = "comments:read"


class RefusedError(Exception):
    """What the client is told (RFC 6750 §3): the status, and the error in `WWW-Authenticate`, if there is one."""

    def __init__(self, status: HTTPStatus, error: str = "") -> None:
        super().__init__(error)
        self.status, self.error = status, error


def verified(authorization: str) -> dict[str, Any]:
    """The claims of a bearer token, verified as RFC 9068 §4 says. Raises `RefusedError`."""
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise RefusedError(HTTPStatus.UNAUTHORIZED)
    try:
        header = jwt.get_unverified_header(token)
        if str(header.get("typ")).lower() not in ("at+jwt", "application/at+jwt"):
            raise RefusedError(HTTPStatus.UNAUTHORIZED, "invalid_token")  # an ID token is no access token
        claims: dict[str, Any] = jwt.decode(
            token,
            KEYS.get_signing_key(header.get("kid", "")),
            algorithms=["ES256", "RS256", "EdDSA"],  # never what the token itself names
            issuer=ISSUER,
            audience=AUDIENCE,
            options={"require": ["iss", "aud", "exp", "iat", "sub", "jti", "client_id"]},
        )
    except jwt.PyJWKClientConnectionError:
        raise RefusedError(HTTPStatus.SERVICE_UNAVAILABLE) from None  # the keys were not to be had
    except jwt.PyJWTError:
        raise RefusedError(HTTPStatus.UNAUTHORIZED, "invalid_token") from None
    return claims


class Handler(BaseHTTPRequestHandler):
    """`GET /orders`, for whoever holds the scope."""

    def do_GET(self) -> None:
        """Answers the request."""
        try:
            if self.path != "/orders":
                raise RefusedError(HTTPStatus.NOT_FOUND)
            claims = verified(self.headers.get("Authorization", ""))
            if NEEDED_SCOPE not in str(claims.get("scope", "")).split(" "):
                raise RefusedError(HTTPStatus.FORBIDDEN, "insufficient_scope")
            self._answer(HTTPStatus.OK, {"for": claims["sub"], "orders": ORDERS})
        except RefusedError as refusal:
            self._answer(refusal.status, {"title": refusal.status.phrase}, refusal)

    def _answer(self, status: HTTPStatus, document: object, refusal: RefusedError | None = None) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if refusal and status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            error = f'error="{refusal.error}"' if refusal.error else 'realm="orders"'
            self.send_header("WWW-Authenticate", f"Bearer {error}")
        self.end_headers()
        self.wfile.write(body)


def main() -> None:
    """Serves until it is stopped."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit())
    with ThreadingHTTPServer(("127.0.0.1", PORT), Handler) as server:
        print(f"Orders are at http://127.0.0.1:{server.server_port}/orders for tokens of {ISSUER}", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
