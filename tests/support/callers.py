"""Who speaks with the services, from where and in which session; and which container answers."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace

from chalicelib import base64url
from chalicelib.model import User
from chalicelib.services import Services, install
from infra.local.gateway import Answer, Gateway
from tests.support.client import Client, Reply, basic, bearer


class SeenFrom(Gateway):
    """`gateway`, to which every request comes from `address`, whatever the client says."""

    def __init__(self, gateway: Gateway, address: str) -> None:
        self._gateway = gateway
        self._address = address

    def handle(
        self,
        method: str,
        target: str,
        headers: Iterable[tuple[str, str]],
        body: bytes,
        source_ip: str,  # noqa: ARG002
    ) -> Answer:
        return self._gateway.handle(method, target, headers, body, self._address)


def at(client: Client, address: str) -> Client:
    """`client`, as it speaks from `address`."""
    return Client(SeenFrom(client.gateway, address))


@dataclass(frozen=True)
class SignedIn:
    """One session of a user, and the client that holds its tokens."""

    client: Client
    access_token: str
    refresh_token: str

    @property
    def session_id(self) -> str:
        payload = json.loads(base64url.decode(self.access_token.split(".")[1]))
        session_id: str = payload["sid"]
        return session_id

    def get(self, target: str) -> Reply:
        return self.client.get(target, self.access_token)

    def post(self, target: str) -> Reply:
        return self.client.send("POST", target, bearer(self.access_token))

    def delete(self, target: str) -> Reply:
        return self.client.send("DELETE", target, bearer(self.access_token))

    def put(self, target: str, **fields: object) -> Reply:
        return self.client.json(target, fields, bearer(self.access_token), "PUT")

    def refresh(self) -> Reply:
        return self.client.refresh(self.refresh_token)

    def lives(self) -> bool:
        """Whether both tokens are still taken; changes nothing that a replay would not."""
        statuses = self.get("/me").status, self.refresh().status
        assert statuses in {(200, 200), (401, 401)}
        return statuses == (200, 200)


def sign_in(client: Client, user: User, user_agent: str = "", **fields: str) -> SignedIn:
    """A new session of `user`."""
    headers = {**basic(user.username, "demo-password"), "User-Agent": user_agent}
    reply = client.form("/tokens", headers, **fields)
    assert reply.status == 200
    return SignedIn(client, reply.json["access_token"], reply.json["refresh_token"])


def container(services: Services, **settings: object) -> Services:
    """Another container of `services`, which knows nothing yet, under other `settings` where some are given."""
    return replace(services, settings=services.settings._replace(**settings))  # type: ignore[arg-type]


def serve(services: Services, **settings: object) -> Services:
    """Lets a new container of `services`, under these `settings`, answer from now on."""
    made = container(services, **settings)
    install(made)
    return made
