"""Tokens issued here verify in libraries that nobody here wrote, by the JWK Set alone; and what they refuse."""

import datetime
import json
import ssl
import time
from dataclasses import dataclass, replace
from ipaddress import ip_address
from itertools import product
from pathlib import Path

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from app import app
from chalicelib import base64url
from chalicelib.keys.material import SIGNING_ALGORITHMS
from chalicelib.model import User
from chalicelib.services import Services, install
from infra.local.gateway import Answer, Gateway
from tests.keys import verifiers
from tests.keys.verifiers import Outcome, Service, Verifier
from tests.support.callers import serve
from tests.support.client import Client
from tests.support.served import served

HOUR = 3_600
ISSUER = "https://gatehouse.example"
LIBRARIES: list[Verifier] = [
    verifiers.pyjwt,
    verifiers.joserfc_,
    verifiers.authlib,
    verifiers.jose,
    verifiers.aws_jwt_verify,
]
# Authlib's validator takes the algorithms that joserfc recommends, and has no setting for others.
every_pair = pytest.mark.parametrize(
    ("library", "living"),
    [pair for pair in product(LIBRARIES, sorted(SIGNING_ALGORITHMS)) if pair != (verifiers.authlib, "EdDSA")],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
    indirect=["living"],
)


@pytest.fixture
def living(request: pytest.FixtureRequest, services: Services, empty_ring: None) -> Services:
    """A services that signs with one algorithm, by the clock that the libraries read too."""
    made = replace(services, clock=time.time, settings=services.settings._replace(signing_alg=request.param))
    made.rotation.run(made.now() - 2 * HOUR)
    install(made)
    return made


@dataclass(frozen=True)
class Certificate:
    """A key and a certificate for 127.0.0.1, that signs itself; both in one PEM file."""

    path: Path

    @classmethod
    def make(cls, path: Path) -> "Certificate":
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
        now = datetime.datetime.now(datetime.UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(hours=1))
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(key, SHA256())
        )
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        path.write_bytes(private + certificate.public_bytes(Encoding.PEM))
        return cls(path)

    def context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.path)
        return context


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return Certificate.make(tmp_path_factory.mktemp("tls") / "127.0.0.1.pem")


class Cached(Gateway):
    """Answers every request as a cache would that got the JWK Set now, and asks for it no more."""

    def __init__(self) -> None:
        self._answer = Gateway(app).handle("GET", "/.well-known/jwks.json", [], b"", "192.0.2.7")

    def handle(self, *_: object) -> Answer:
        return self._answer


def outcomes(
    library: Verifier,
    services: Services,
    certificate: Certificate,
    *tokens: str,
    gateway: Gateway | None = None,
) -> list[Outcome]:
    """What `library` makes of `tokens`, by the JWK Set over HTTP; aws-jwt-verify asks for HTTPS."""
    secure = library is verifiers.aws_jwt_verify
    with served(gateway or Gateway(app), certificate.context() if secure else None) as port:
        uri = f"{'https' if secure else 'http'}://127.0.0.1:{port}/.well-known/jwks.json"
        path = str(certificate.path) if secure else ""
        return library(Service(uri, ISSUER, ISSUER, services.settings.signing_alg, path), tokens)


@every_pair
def test_a_token_issued_here_verifies(
    library: Verifier, living: Services, client: Client, user: User, certificate: Certificate
) -> None:
    token = client.access_token(user.username)
    (claims,) = outcomes(library, living, certificate, token)
    assert claims == jwt.decode(token, options={"verify_signature": False})
    assert claims["sub"] == user.sub


@every_pair
def test_what_is_not_for_this_service_is_refused(
    library: Verifier, living: Services, client: Client, user: User, certificate: Certificate
) -> None:
    good = client.access_token(user.username)
    header, payload, signature = good.split(".")
    changed = base64url.decode(payload).replace(user.sub.encode(), b"A" * len(user.sub))
    forged = f"{header}.{base64url.encode(changed)}.{signature}"
    serve(living, audience="https://elsewhere.example")
    for_another = client.access_token(user.username)
    serve(living, issuer="https://elsewhere.example", audience=ISSUER)
    of_another = client.access_token(user.username)
    install(replace(living, clock=lambda: time.time() - HOUR))
    expired = client.access_token(user.username)
    install(living)
    accepted, *refused = outcomes(library, living, certificate, good, forged, for_another, of_another, expired)
    assert isinstance(accepted, dict)
    assert [type(reason) for reason in refused] == [str] * 4, refused
    assert len(set(refused)) == len(refused)  # each for a reason of its own


@pytest.mark.parametrize("library", LIBRARIES, ids=lambda library: library.__name__)
@pytest.mark.parametrize("living", ["ES256"], indirect=True)
def test_a_key_that_is_gone_from_the_set_is_not_accepted(
    library: Verifier, living: Services, client: Client, user: User, certificate: Certificate
) -> None:
    old = client.access_token(user.username)
    living.rotation.revoke(jwt.get_unverified_header(old)["kid"], living.now())
    serve(living)
    new = client.access_token(user.username)
    refused, accepted = outcomes(library, living, certificate, old, new)
    assert isinstance(refused, str)
    assert isinstance(accepted, dict)


@every_pair
def test_after_a_revocation_no_new_token_is_refused_by_whoever_has_the_set_of_before(
    library: Verifier, living: Services, client: Client, user: User, certificate: Certificate
) -> None:
    """The standby was published with the key that it stands in for."""
    cached = Cached()
    old = client.access_token(user.username)
    living.rotation.revoke(jwt.get_unverified_header(old)["kid"], living.now())
    tokens = []
    for _ in range(3):  # containers
        serve(living)
        tokens += [client.access_token(user.username) for _ in range(3)]
    assert {jwt.get_unverified_header(token)["kid"] for token in tokens}.isdisjoint(
        {jwt.get_unverified_header(old)["kid"]}
    )
    accepted = outcomes(library, living, certificate, *tokens, gateway=cached)
    assert [type(claims) for claims in accepted] == [dict] * len(tokens), accepted


@pytest.mark.parametrize("living", ["EdDSA"], indirect=True)
def test_authlib_refuses_eddsa(living: Services, client: Client, user: User, certificate: Certificate) -> None:
    (reason,) = outcomes(verifiers.authlib, living, certificate, client.access_token(user.username))
    assert reason == "InvalidTokenError: unsupported_algorithm: Algorithm of 'EdDSA' is not recommended"


@pytest.mark.parametrize("living", ["ES256"], indirect=True)
def test_aws_jwt_verify_takes_the_set_by_https_alone(living: Services, client: Client, user: User) -> None:
    token = client.access_token(user.username)
    with served(Gateway(app)) as port:
        uri = f"http://127.0.0.1:{port}/.well-known/jwks.json"
        service = Service(uri, ISSUER, ISSUER, living.settings.signing_alg)
        (reason,) = verifiers.aws_jwt_verify(service, [token])
    assert 'Protocol "http:" not supported. Expected "https:"' in reason


def test_the_libraries_of_node_are_pinned_and_name_no_host_to_fetch_them_from() -> None:
    lock = json.loads((verifiers.NODE / "package-lock.json").read_text())
    asked = json.loads((verifiers.NODE / "package.json").read_text())["dependencies"]
    locked = {name.removeprefix("node_modules/"): package for name, package in lock["packages"].items() if name}
    assert {name: package["version"] for name, package in locked.items()} == asked
    assert all("integrity" in package and "resolved" not in package for package in locked.values())
