"""Tokens over HTTP: signing in, refreshing, logging out."""

from chalice import Response
from chalice.app import Request

from chalicelib import scope as scopes
from chalicelib.accounts.sessions import LOGOUT_ALL, LOGOUT_OTHERS, Kept
from chalicelib.errors import InvalidGrantError, InvalidRequestError
from chalicelib.grants.password import PasswordRequest
from chalicelib.grants.refresh_token import RefreshTokenRequest
from chalicelib.model import FIRST_PARTY, TokenResponse
from chalicelib.scope import Scope
from chalicelib.services import current
from chalicelib.telemetry.events import Event, EventName
from chalicelib.tokens.revocations import Kind, Revocation
from chalicelib.web import basic_auth, body, cookies
from chalicelib.web.body import Body
from chalicelib.web.caller import Caller, device
from chalicelib.web.parameters import parameter
from chalicelib.web.protected_blueprint import ProtectedBlueprint
from chalicelib.web.responses import NO_STORE, no_content, ok

blueprint = ProtectedBlueprint(__name__)


@blueprint.post("/tokens")
def sign_in(request: Request) -> Response:
    """Username and password by HTTP Basic; answers an access token and a refresh token."""
    services = current()
    fields = body.parse(request)
    username, password = basic_auth.credentials(request.headers.get("authorization"))
    in_cookie = cookies.wanted(fields)
    asked = PasswordRequest(username, password, _scope(fields), device(request))
    tokens = services.sign_in(asked, services.realm(request.context), services.now())
    return _answer(tokens, in_cookie=in_cookie)


@blueprint.post("/tokens/refresh")
def refresh(request: Request) -> Response:
    """A refresh token as field, plain text or cookie; answers the next pair."""
    services = current()
    fields = body.parse(request, plain=True)
    in_body = fields.text or fields.optional("refresh_token")
    in_cookie = cookies.wanted(fields)
    presented = in_body or cookies.presented(request, services.settings.allowed_origins)
    if presented is None:
        raise InvalidGrantError(detail="no refresh token presented")
    asked = RefreshTokenRequest(presented, FIRST_PARTY, _scope(fields), device(request))
    tokens = services.refresh(asked, services.realm(request.context), services.now())
    return _answer(tokens, in_cookie=in_cookie or not in_body)


@blueprint.post("/logout")
def log_out(request: Request) -> Response:
    """Ends the session of the access token; `?sessions=all` every one of the user, `others` all but this."""
    services = current()
    caller = Caller.of(request.context)
    which = parameter(request, "sessions")
    match which:
        case None if caller.sid is not None:
            services.sessions.log_out(caller.sub, caller.sid, services.now())
        case None:
            services.revocations.add(Revocation(Kind.TOKEN, caller.jti, services.now()))
            ended = Event(event=EventName.TOKEN_ENDED, at=services.now(), sub=caller.sub, jti=caller.jti)
            services.telemetry.record(ended)
        case "all":
            services.sessions.end_all(caller.user(), LOGOUT_ALL, services.now())
        case "others":
            services.sessions.end_all(caller.user(), LOGOUT_OTHERS, services.now(), kept(caller))
        case _:
            raise InvalidRequestError("The parameter sessions must be all or others.")
    services.feed.invalidate()
    return no_content() if which == "others" else no_content({**NO_STORE, "Set-Cookie": cookies.clearing()})


def kept(caller: Caller) -> Kept | None:
    """The caller's own session, to be spared."""
    return Kept(caller.sid, caller.session_epoch) if caller.sid else None


def _scope(fields: Body) -> Scope | None:
    text = fields.optional("scope")
    return None if text is None else scopes.parse(text)


def _answer(tokens: TokenResponse, *, in_cookie: bool) -> Response:
    answer = {
        "access_token": tokens.access_token,
        "token_type": "Bearer",
        "expires_in": tokens.expires_in,
        "scope": scopes.serialize(tokens.scope),
    }
    if not in_cookie:
        return ok({**answer, "refresh_token": tokens.refresh_token})
    lifetime = current().settings.session_idle_lifetime
    return ok(answer, {**NO_STORE, "Set-Cookie": cookies.setting(tokens.refresh_token, lifetime)})
