"""Tokens over HTTP: signing in, refreshing, logging out. The first-party client's way to the token endpoint."""

from chalice import Response

from chalicelib import scope as scopes
from chalicelib.errors import InvalidGrantError, InvalidRequestError
from chalicelib.grants.grant import TokenRequest
from chalicelib.model import EndReason, TokenResponse
from chalicelib.scope import Scope
from chalicelib.web import basic_auth, body, cookies
from chalicelib.web.body import Body
from chalicelib.web.call import Call
from chalicelib.web.parameters import parameter
from chalicelib.web.protected_blueprint import ProtectedBlueprint
from chalicelib.web.responses import NO_STORE, no_content, ok

blueprint = ProtectedBlueprint(__name__)


@blueprint.post("/tokens")
def sign_in(call: Call) -> Response:
    """Username and password by HTTP Basic; answers an access token and a refresh token."""
    fields = body.parse(call.request)
    username, password = basic_auth.credentials(call.header("authorization"))
    in_cookie = cookies.wanted(fields, call.request, call.services.settings.allowed_origins)
    tokens = _issued(call, "password", _scope(fields), username=username, password=password)
    return _response(call, tokens, in_cookie=in_cookie)


@blueprint.post("/tokens/refresh")
def refresh(call: Call) -> Response:
    """A refresh token as field, plain text or cookie; answers the next pair."""
    fields, allowed_origins = body.parse(call.request, plain=True), call.services.settings.allowed_origins
    in_body = fields.text or fields.optional("refresh_token")
    in_cookie = cookies.wanted(fields, call.request, allowed_origins)
    presented = in_body or cookies.presented(call.request, allowed_origins)
    if presented is None:
        raise InvalidGrantError(detail="no refresh token presented")
    tokens = _issued(call, "refresh_token", _scope(fields), refresh_token=presented)
    return _response(call, tokens, in_cookie=in_cookie or not in_body)


@blueprint.post("/logout")
def log_out(call: Call) -> Response:
    """Ends the session of the access token; `?sessions=all` every one of the user, `others` all but this."""
    sessions, caller = call.services.sessions, call.caller
    which = parameter(call.request, "sessions")
    match which:
        case None if caller.sid is not None:
            sessions.end_known(caller.sub, caller.sid, EndReason.LOGOUT, call.now)
        case None:
            sessions.end_token(caller.sub, caller.client_id, caller.jti, call.now)
        case "all":
            sessions.end_all(caller.user(), EndReason.LOGOUT_ALL, call.now)
        case "others":
            sessions.end_all(caller.user(), EndReason.LOGOUT_OTHERS, call.now, caller.kept)
        case _:
            raise InvalidRequestError("The parameter sessions must be all or others.")
    return no_content() if which == "others" else no_content({**NO_STORE, "Set-Cookie": cookies.clearing()})


def _issued(call: Call, grant_type: str, scope: Scope | None, **presented: str) -> TokenResponse:
    request = TokenRequest(
        grant_type=grant_type,
        client=call.services.first_party,
        scope=scope,
        device=call.device,
        issuer=call.issuer,
        audience=call.audience,
        now=call.now,
        **presented,
    )
    return call.services.token_endpoint(request)


def _scope(fields: Body) -> Scope | None:
    text = fields.optional("scope")
    return None if text is None else scopes.asked(text)


def _response(call: Call, tokens: TokenResponse, *, in_cookie: bool) -> Response:
    """RFC 6749 §5.1."""
    answer = {
        "access_token": tokens.access_token,
        "token_type": "Bearer",
        "expires_in": tokens.expires_in,
        "scope": scopes.serialize(tokens.scope),
    }
    if not in_cookie:
        return ok({**answer, "refresh_token": tokens.refresh_token})
    lifetime = call.services.settings.session_idle_lifetime
    return ok(answer, {**NO_STORE, "Set-Cookie": cookies.setting(tokens.refresh_token, lifetime)})
