"""The fetch of a JWK Set: one plain GET, and an `OSError` for everything else that may come."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from chalicelib.keys.remote_jwk_set import fetch_jwk_set

BODY = b'{"keys": []}'


@contextmanager
def serving(status: int, body: bytes, **headers: str) -> Iterator[tuple[str, list[str]]]:
    """A server of one answer: its address, and the paths that it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 — the library's name
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/jwks.json", asked
        finally:
            server.shutdown()
            thread.join()


def test_fetch() -> None:
    with serving(200, BODY) as (uri, asked):
        assert fetch_jwk_set(uri) == BODY
    assert asked == ["/jwks.json"]


def test_a_redirect_is_not_followed() -> None:
    with serving(302, b"", Location="/elsewhere") as (uri, asked), pytest.raises(OSError, match="answered 302"):
        fetch_jwk_set(uri)
    assert asked == ["/jwks.json"]


@pytest.mark.parametrize("status", [201, 204, 304, 401, 404, 500, 503])
def test_only_200_is_an_answer(status: int) -> None:
    with serving(status, b"") as (uri, _), pytest.raises(OSError, match=f"answered {status}"):
        fetch_jwk_set(uri)


def test_64_kb_at_most() -> None:
    with serving(200, b" " * 65536) as (uri, _):
        assert len(fetch_jwk_set(uri)) == 65536
    with serving(200, b" " * 65537) as (uri, _), pytest.raises(OSError, match="too long"):
        fetch_jwk_set(uri)


@pytest.mark.parametrize("uri", ["file:///etc/hostname", "ftp://127.0.0.1/", "data:,x", "jwks.json", "", "http:x"])
def test_nothing_but_http(uri: str) -> None:
    with pytest.raises(OSError, match="neither https nor http"):
        fetch_jwk_set(uri)


@pytest.mark.parametrize(
    "uri", ["http://", "http://[::1", "http://127.0.0.1:notaport/", "http://127.0.0.1:1/", "http://127.0.0.1/ x"]
)
def test_an_address_where_nothing_is(uri: str) -> None:
    with pytest.raises(OSError):  # noqa: PT011 — of whatever kind
        fetch_jwk_set(uri)
