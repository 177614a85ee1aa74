"""The example of a service, as a process of its own, with tokens of a served gateway."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from time import time

import jwt
import pytest

from app import app
from chalicelib.services import Services, install
from infra.local.gateway import Gateway
from tests.conftest import new_user
from tests.keys.conftest import empty_ring
from tests.support.client import Client
from tests.support.patience import END
from tests.support.served import served

__all__ = ["empty_ring"]

ROOT = Path(__file__).parents[2]


class Answer:
    """Status, headers and JSON body."""

    def __init__(self, response: HTTPResponse) -> None:
        self.status, self.headers = response.status, response.headers
        self.json = json.loads(response.read())


class Orders:
    """The service on `port`, and the `issuer` of the tokens that it takes."""

    def __init__(self, port: int, client: Client, services: Services) -> None:
        self.port, self.client, self.services = port, client, services

    def token(self, scope: str = "comments:read") -> str:
        return self.client.access_token(new_user(self.services, scope).username)

    def get(self, path: str = "/orders", authorization: str | None = None) -> Answer:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=END)
        connection.request("GET", path, headers={"Authorization": authorization} if authorization else {})
        with connection.getresponse() as response:
            return Answer(response)


def started(issuer: str) -> "subprocess.Popen[str]":
    command = [sys.executable, str(ROOT / "examples" / "service" / "service.py")]
    environment = {**os.environ, "ISSUER": issuer, "PORT": "0"}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def port_of(process: "subprocess.Popen[str]") -> int:
    assert process.stdout is not None
    found = re.search(r"http://127\.0\.0\.1:(\d+)/orders", process.stdout.readline())
    assert found is not None
    return int(found[1])


@pytest.fixture
def orders(services: Services, empty_ring: None) -> Iterator[Orders]:
    with served(Gateway(app, time)) as port:
        issuer = f"http://127.0.0.1:{port}"
        # The example has a clock of its own, so ours is the real one.
        real = replace(services, clock=time, settings=services.settings._replace(issuer=issuer))
        real.rotation.run(real.now())
        install(real)
        with started(issuer) as process:
            try:
                yield Orders(port_of(process), Client(Gateway(app, time)), real)
            finally:
                process.terminate()
                process.wait(END)


def test_a_token_with_the_scope_gets_the_orders(orders: Orders) -> None:
    token = orders.token()
    answer = orders.get(authorization=f"Bearer {token}")
    assert answer.status == 200
    assert answer.json["for"] == jwt.decode(token, options={"verify_signature": False})["sub"]
    assert len(answer.json["orders"]) == 2


def test_every_other_token_is_refused(orders: Orders) -> None:
    token = orders.token()
    header, payload, signature = token.split(".")
    unsigned = jwt.encode({"sub": "me"}, "", "none", {"typ": "at+jwt"})
    other = "A" if signature[0] != "A" else "B"
    for authorization, status, challenge in (
        (None, 401, 'Bearer realm="orders"'),
        ("Basic ZGVtbzpkZW1v", 401, 'Bearer realm="orders"'),
        ("Bearer x", 401, 'Bearer error="invalid_token"'),
        (f"Bearer {unsigned}", 401, 'Bearer error="invalid_token"'),
        (f"Bearer {header}.{payload}.{other}{signature[1:]}", 401, 'Bearer error="invalid_token"'),
        (f"Bearer {orders.token('account')}", 403, 'Bearer error="insufficient_scope"'),
    ):
        answer = orders.get(authorization=authorization)
        assert (answer.status, answer.headers["WWW-Authenticate"]) == (status, challenge), authorization
    assert orders.get("/else", f"Bearer {token}").status == 404


def test_a_token_of_another_issuer_or_kind_is_refused(orders: Orders) -> None:
    key = orders.services.keys.signing_key(orders.services.now())
    claims = jwt.decode(orders.token(), options={"verify_signature": False})

    def status(typ: str = "at+jwt", **other: object) -> int:
        signed = jwt.encode(claims | other, key.private_key, key.alg, {"typ": typ, "kid": key.kid})
        return orders.get(authorization=f"Bearer {signed}").status

    assert status() == 200
    assert status("JWT") == 401
    assert status(iss="https://other.example") == 401
    assert status(aud="https://other.example") == 401
    assert status(exp=orders.services.now() - 1) == 401


def test_without_the_keys_it_is_503(services: Services) -> None:
    with started("http://127.0.0.1:1") as process:
        try:
            unreached = Orders(port_of(process), Client(Gateway(app)), services)
            token = jwt.encode({}, "s" * 32, "HS256", {"typ": "at+jwt", "kid": "k"})
            assert unreached.get(authorization=f"Bearer {token}").status == 503
        finally:
            process.terminate()
            process.wait(END)


def test_it_ends_at_a_signal_with_0_and_says_nothing() -> None:
    with started("http://127.0.0.1:1") as process:
        port_of(process)
        process.terminate()
        _, errors = process.communicate(timeout=END)
    assert (process.returncode, errors) == (0, "")
