"""The fetch of a JWK Set: one plain GET, and an `OSError` for everything else that may come."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from chalicelib.keys.remote_jwk_set import fetch_jwk_set

BODY = b'{"keys": []}'


@contextmanager
def serving(
    status: int, body: bytes, tls: ssl.SSLContext | None = None, **headers: str
) -> Iterator[tuple[str, list[str]]]:
    """A server of one answer, over TLS by `tls`: its address, and the paths that it was asked for."""
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
        if tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http{'s' * bool(tls)}://127.0.0.1:{server.server_port}/jwks.json", asked
        finally:
            server.shutdown()
            thread.join()


def test_fetch() -> None:
    with serving(200, BODY) as (uri, asked):
        assert fetch_jwk_set(uri) == BODY
    assert asked == ["/jwks.json"]


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate of 127.0.0.1 that nobody but itself vouches for, and its key, in PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        .sign(key, SHA256())
    )
    file = tmp_path / "certificate.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(private + made.public_bytes(Encoding.PEM))
    return file


def test_https_and_only_from_who_is_vouched_for(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    with serving(200, BODY, tls) as (uri, asked):
        with pytest.raises(OSError, match="CERTIFICATE_VERIFY_FAILED"):
            fetch_jwk_set(uri)
        assert asked == []
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert fetch_jwk_set(uri) == BODY


def test_who_does_not_answer_in_time_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chalicelib.keys.remote_jwk_set.FETCH_TIMEOUT", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        # Closed in the end, so that a fetch that waits for ever ends too, otherwise.
        closing = threading.Timer(10, silent.close)
        closing.start()
        with pytest.raises(TimeoutError):
            fetch_jwk_set(f"http://127.0.0.1:{silent.getsockname()[1]}/")
        closing.cancel()


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
