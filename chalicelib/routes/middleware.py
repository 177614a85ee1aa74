"""What every request passes on the way in and out: the access table, problem details, CORS."""

from collections.abc import Callable, Sequence
from http import HTTPStatus

from chalice import Chalice, Response
from chalice.app import Request

from chalicelib import access_table, deadline
from chalicelib.access_table import Kind
from chalicelib.accounts.throttle import check_counted
from chalicelib.errors import GatehouseError, NotFoundError, TooManyRequestsError
from chalicelib.services import current
from chalicelib.telemetry.events import Event, EventName, Measure
from chalicelib.telemetry.log import Source, during
from chalicelib.web import call as calls
from chalicelib.web import failures, problem_details
from chalicelib.web.call import Call
from chalicelib.web.caller import check_access
from chalicelib.web.protected_blueprint import ProtectedBlueprint
from chalicelib.web.responses import no_content

_EXPOSED = "Location, Retry-After, WWW-Authenticate"
_ALLOWED_HEADERS = "Authorization, Content-Type"
_PREFLIGHT_MAX_AGE = 7_200

# Fetch §3.5 (no guessing of types) and RFC 6797 (two years, as browsers ask for). The template's gateway responses
# say the same.
_SECURITY = {
    "X-Content-Type-Options": "nosniff",
    "Strict-Transport-Security": "max-age=63072000",
}


def middleware(request: Request, get_response: Callable[[Request], Response]) -> Response:
    """The answer to `request`: refused here or given by its handler, and readable for whom it is meant."""
    services = current()
    call = Call(request, services, services.now())
    with during(_source(call)), deadline.within(deadline.INVOCATION), calls.during(call):
        response = _answered(call, get_response)
    if response.status_code == HTTPStatus.SERVICE_UNAVAILABLE:
        services.telemetry.measure(Measure.STORE_UNAVAILABLE, 1)
    response.headers.update(_SECURITY | _cors(call))
    return response


def _source(call: Call) -> Source:
    return Source(call.request.context.get("requestId", ""), call.device.address, call.device.user_agent)


def _answered(call: Call, get_response: Callable[[Request], Response]) -> Response:
    try:
        with failures.translated():
            _check_access(call)
        return _as_problem(get_response(call.request))
    except GatehouseError as error:
        return problem_details.from_error(error)


def _check_access(call: Call) -> None:
    services, now = call.services, call.now
    entry = access_table.entry(*call.route, open_sign_up=services.settings.open_sign_up)
    if entry is None:
        raise NotFoundError
    if entry.kind is Kind.GUARDED:
        check_access(call.caller, entry, services.feed.current(now), now)
    # Who authenticates a caller itself counts what fails, and what is right writes nothing more.
    if entry.hashes and entry.kind is not Kind.FUNCTION:
        _count_hashing(call)


def _count_hashing(call: Call) -> None:
    services, now = call.services, call.now
    counter = services.attempts.count_hashing(call.device.address, now)
    try:
        check_counted(counter, services.limits.hashing, now)
    except TooManyRequestsError:
        services.telemetry.record(Event(event=EventName.REQUEST_THROTTLED, at=now, reason=" ".join(call.route)))
        raise


def _cors(call: Call) -> dict[str, str]:
    # Fetch §3.2: the one origin that asks, never a list; so caches must keep answers apart by it.
    allowed = call.services.settings.allowed_origins
    origin = call.header("origin")
    if origin is None or origin not in allowed:
        return {"Vary": "Origin"} if allowed else {}
    return {
        "Vary": "Origin",
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Credentials": "true",
        "Access-Control-Expose-Headers": _EXPOSED,
    }


def preflights(app: Chalice) -> ProtectedBlueprint:
    """A blueprint that answers the preflight of every route that `app` serves so far."""
    blueprint = ProtectedBlueprint(__name__)
    for path, methods in list(app.routes.items()):
        blueprint.options(path)(_preflight(sorted(methods)))
    return blueprint


def _preflight(methods: Sequence[str]) -> Callable[..., Response]:
    headers: dict[str, str | list[str]] = {
        "Access-Control-Allow-Methods": ", ".join(methods),
        "Access-Control-Allow-Headers": _ALLOWED_HEADERS,
        "Access-Control-Max-Age": str(_PREFLIGHT_MAX_AGE),
    }

    def preflight(call: Call, **path_parameters: str) -> Response:  # noqa: ARG001
        return no_content(headers)

    return preflight


def _as_problem(response: Response) -> Response:
    # Chalice's own errors are {"Code": …, "Message": …}.
    ours = problem_details.CONTENT_TYPE in str(response.headers.get("Content-Type", ""))
    if ours or response.status_code < HTTPStatus.BAD_REQUEST:
        return response
    return problem_details.from_status(response.status_code)
