"""What every request passes on the way in and out: the access table, problem details, CORS."""

from collections.abc import Callable, Sequence
from http import HTTPStatus

from chalice import Chalice, Response
from chalice.app import Request

from chalicelib import deadline
from chalicelib.access_table import SIGNING_ROUTES, is_public
from chalicelib.authorizer import PROTECTED
from chalicelib.errors import GatehouseError
from chalicelib.services import current
from chalicelib.telemetry.events import Measure
from chalicelib.telemetry.log import Source, during
from chalicelib.web import problem_details
from chalicelib.web.caller import check_access, device
from chalicelib.web.protected_blueprint import ProtectedBlueprint
from chalicelib.web.responses import no_content

_EXPOSED = "Location, Retry-After, WWW-Authenticate"
_ALLOWED_HEADERS = "Authorization, Content-Type"
_PREFLIGHT_MAX_AGE = 7_200


def middleware(request: Request, get_response: Callable[[Request], Response]) -> Response:
    """The answer to `request`: refused here or given by its handler, and readable for whom it is meant.

    The middleware of the API function.
    """
    with during(_source(request)), deadline.within(deadline.INVOCATION):
        response = _answered(request, get_response)
    if response.status_code == HTTPStatus.SERVICE_UNAVAILABLE:
        current().telemetry.measure(Measure.STORE_UNAVAILABLE, 1)
    response.headers.update(_cors(request))
    return response


def _source(request: Request) -> Source:
    seen = device(request)
    return Source(request.context.get("requestId", ""), seen.address, seen.user_agent)


def _answered(request: Request, get_response: Callable[[Request], Response]) -> Response:
    try:
        _check_access(request)
        return _as_problem(get_response(request))
    except GatehouseError as error:
        return problem_details.from_error(error)


def _check_access(request: Request) -> None:
    services = current()
    route = request.context["httpMethod"], request.context["resourcePath"]
    if not is_public(*route, open_sign_up=services.settings.open_sign_up):
        check_access(request.context, PROTECTED, lambda: services.feed.current(services.now()), services.now())
    elif route in SIGNING_ROUTES:
        services.keys.reload_if_revoked(services.feed.current(services.now()).keys(), services.now())


def _cors(request: Request) -> dict[str, str]:
    # Fetch §3.2: the one origin that asks, never a list; so caches must keep answers apart by it.
    allowed = current().settings.allowed_origins
    origin = request.headers.get("origin")
    if origin not in allowed:
        return {"Vary": "Origin"} if allowed else {}
    return {
        "Vary": "Origin",
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Credentials": "true",
        "Access-Control-Expose-Headers": _EXPOSED,
    }


def preflights(app: Chalice) -> ProtectedBlueprint:
    """A door that answers the preflight of every route that `app` serves so far."""
    door = ProtectedBlueprint(__name__)
    for path, methods in list(app.routes.items()):
        door.options(path)(_preflight(sorted(methods)))
    return door


def _preflight(methods: Sequence[str]) -> Callable[..., Response]:
    headers: dict[str, str | list[str]] = {
        "Access-Control-Allow-Methods": ", ".join(methods),
        "Access-Control-Allow-Headers": _ALLOWED_HEADERS,
        "Access-Control-Max-Age": str(_PREFLIGHT_MAX_AGE),
    }

    def preflight(request: Request, **path_parameters: str) -> Response:  # noqa: ARG001
        return no_content(headers)

    return preflight


def _as_problem(response: Response) -> Response:
    # Chalice's own errors are {"Code": …, "Message": …}.
    ours = problem_details.CONTENT_TYPE in str(response.headers.get("Content-Type", ""))
    return response if response.status_code < 400 or ours else problem_details.from_status(response.status_code)
