"""The packaged template on ministack, and `make run`'s gateway beside it, with the same data. Each starts once."""

import os
import signal
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.client import HTTPConnection
from typing import Any, cast
from unittest import mock
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from chalicelib.issuer import audience_of
from chalicelib.services import Services, assemble
from chalicelib.tokens import access_token
from chalicelib.tokens.access_token import AccessToken
from infra import demo
from infra.emulated import deployed
from infra.emulated.deployed import Deployed
from infra.emulated.lambda_events import SCHEDULED
from infra.local.gateway import Answer, Gateway
from tests.deployed.requests import ORIGIN
from tests.support.client import Client
from tests.support.local_stack import Running
from tests.support.patience import END


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "ministack: runs against ministack, for races")


@dataclass(frozen=True)
class Site:
    """An API behind HTTP: its address, its issuer, and tokens that it never gave or that are over."""

    url: str
    issuer: str
    tokens: Mapping[str, str] = field(default_factory=dict)

    def handle(
        self, method: str, target: str, headers: Iterable[tuple[str, str]], body: bytes, _source_ip: str = ""
    ) -> Answer:
        """As `Gateway.handle`, but that the address is the one of this process."""
        address = urlsplit(self.url)
        connection = HTTPConnection(str(address.hostname), address.port, timeout=END)
        try:
            connection.putrequest(method, address.path + target, skip_accept_encoding=True)
            for name, value in headers:
                connection.putheader(name, value)
            connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            response = connection.getresponse()
            return Answer(response.status, response.getheaders(), response.read())
        finally:
            connection.close()

    @property
    def client(self) -> Client:
        return Client(cast("Gateway", self))


def forged(services: Services, request_context: Mapping[str, Any]) -> dict[str, str]:
    """Tokens in the name of this service that no gate of it may take."""
    now, issuer = services.now(), services.issuer(request_context)
    audience = audience_of(services.settings, issuer)
    key = services.keys.signing_key(now)
    token = AccessToken("usr_1", "gatehouse", frozenset({"account"}), "tok_1", lifetime=900)
    return {
        "expired": access_token.issue(token, issuer, audience, key, now - 900),
        "foreign": access_token.issue(
            token, issuer, audience, replace(key, private_key=ec.generate_private_key(ec.SECP256R1())), now
        ),
        "elsewhere": access_token.issue(token, "https://elsewhere.example", audience, key, now),
    }


@pytest.fixture(scope="session")
def stack() -> Iterator[Deployed]:
    with deployed.running(deployed.package()) as made:
        made.configure("APIHandler", GATEHOUSE_ALLOWED_ORIGINS=ORIGIN)
        yield made


@pytest.fixture(scope="session")
def first_keys(stack: Deployed) -> list[str]:
    """The ids of the keys that the scheduled function made, when there were none."""
    made: list[str] = stack.invoke("RotateKeys", SCHEDULED)
    return made


@contextmanager
def services_of(stack: Deployed) -> Iterator[Services]:
    """A container in this process, over the tables of `stack`."""
    with mock.patch.dict(os.environ, stack.environment):
        os.environ.pop("GATEHOUSE_ISSUER", None)
        yield assemble(os.environ)


def with_demo_data(stack: Deployed) -> Site:
    """The API of `stack`, with the demo data."""
    with services_of(stack) as services:
        demo.load(os.environ)
        tokens = forged(services, stack.request_context)
    site = Site(stack.url, services.issuer(stack.request_context), tokens)
    # Once it is warm, the gate gets the keys from it in time on a busy machine too.
    assert site.client.send("GET", "/.well-known/jwks.json").status == 200
    return site


@pytest.fixture(scope="session")
def emulated(stack: Deployed, first_keys: list[str]) -> Site:
    return with_demo_data(stack)


@pytest.fixture(scope="session")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    running = Running(
        tmp_path_factory.mktemp("local"), GATEHOUSE_OPEN_SIGN_UP="false", GATEHOUSE_ALLOWED_ORIGINS=ORIGIN
    )
    lines = (line.partition("=") for line in running.local_env.read_text().splitlines())
    with mock.patch.dict(os.environ, {name: value.strip("'") for name, _, value in lines}):
        tokens = forged(assemble(os.environ), {})
    yield Site(running.url, running.url, tokens)
    running.stop(signal.SIGTERM)
