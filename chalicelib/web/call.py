"""One call of the API: the request and what every handler asks of it, put together once by the middleware."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from chalice.app import Request

from chalicelib import issuer
from chalicelib.model import Device
from chalicelib.services import Services
from chalicelib.web.caller import Caller

_MAX_USER_AGENT = 256

_current: ContextVar["Call"] = ContextVar("call")


@dataclass(frozen=True, slots=True)
class Call:
    """The request under way, at the NumericDate `now`, which is read once."""

    request: Request
    services: Services
    now: int

    @property
    def route(self) -> tuple[str, str]:
        """Method and resource path of the matched route, never the path that was sent."""
        return self.request.context["httpMethod"], self.request.context["resourcePath"]

    @property
    def caller(self) -> Caller:
        """Who calls a guarded route. Raises `InvalidTokenError` where no gate of ours spoke."""
        return Caller.of(self.request.context)

    @property
    def device(self) -> Device:
        """From where: the address that API Gateway saw, and what the client calls itself."""
        user_agent = self.request.headers.get("user-agent", "")[:_MAX_USER_AGENT]
        return Device(self.request.context["identity"]["sourceIp"], user_agent)

    @property
    def issuer(self) -> str:
        """The issuer of the API that was called; never by the Host header."""
        return self.services.issuer(self.request.context)

    @property
    def audience(self) -> str:
        """Whom a token is for that names no other resource."""
        return issuer.audience_of(self.services.settings, self.issuer)

    def address(self, path: str) -> str:
        """The absolute address of `path` at this API."""
        return f"{self.issuer}{path}"

    def header(self, name: str) -> str | None:
        """The request's header `name`, in lower case."""
        value: str | None = self.request.headers.get(name)
        return value


@contextmanager
def during(call: Call) -> Iterator[None]:
    """`current` gives `call` in the block."""
    token = _current.set(call)
    try:
        yield
    finally:
        _current.reset(token)


def current() -> Call:
    """The call under way. Raises `LookupError` outside of one."""
    return _current.get()
