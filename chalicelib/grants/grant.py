"""The one shape of all grants: a token request in, what to issue out."""

from dataclasses import dataclass, field
from typing import Protocol

from chalicelib.errors import InvalidRequestError
from chalicelib.model import Device, Session, User
from chalicelib.oauth.clients import Client
from chalicelib.scope import Scope
from chalicelib.telemetry.events import Event
from chalicelib.tokens.refresh_token import RefreshToken


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """A token request, parsed once (RFC 6749 §4). `now` is a NumericDate.

    `client` is authenticated, or public. `scope` narrows what the tokens may do; `None` asks for all. A parameter
    that the request does not have is `None`.
    """

    grant_type: str
    client: Client
    scope: Scope | None
    device: Device
    issuer: str
    audience: str
    now: int
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    refresh_token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Granted:
    """What to issue: tokens of `session` with `scope`, `refresh_token` among them; and the event to record."""

    user: User
    session: Session
    scope: Scope
    refresh_token: RefreshToken = field(repr=False)
    event: Event


class Grant(Protocol):
    """A grant reads its own parameters of the request and whatever can fail, and then spends what was presented,
    by one conditional write."""

    def __call__(self, request: TokenRequest) -> Granted:
        """Raises a `GatehouseError`, and then has written nothing but what the refusal itself needs."""


def required(parameter: str | None, name: str) -> str:
    """The parameter `name`, which the grant cannot do without. Raises `InvalidRequestError`."""
    if parameter is None:
        raise InvalidRequestError(f"The parameter {name} is required.")
    return parameter
