"""Accounts over HTTP: signing up, and what an account is told about itself."""

import os

from chalice import Response
from chalice.app import Request

from chalicelib import scope as scopes
from chalicelib import settings
from chalicelib.accounts.sign_up import SignUp
from chalicelib.services import current
from chalicelib.web import body
from chalicelib.web.caller import Caller
from chalicelib.web.protected_blueprint import ProtectedBlueprint
from chalicelib.web.responses import created, ok

# Whether a route takes a token is fixed when it is registered: API Gateway is told so at deployment.
blueprint = ProtectedBlueprint(__name__, open_sign_up=settings.from_environment(os.environ).open_sign_up)


@blueprint.post("/users")
def sign_up(request: Request) -> Response:
    """A new account with the stage's default scopes."""
    services = current()
    fields = body.parse(request)
    asked = SignUp(fields.field("username"), fields.field("email"), fields.field("password"))
    user = services.accounts.sign_up(asked, services.now())
    account = {
        "sub": user.sub,
        "username": user.username,
        "email": user.email,
        "scope": scopes.serialize(user.scope),
    }
    location = f"{services.realm(request.context).issuer}/users/{user.sub}"
    return created(account, location)


@blueprint.get("/me")
def me(request: Request) -> Response:
    """The account as its access token tells it; no store is asked."""
    caller = Caller.of(request.context)
    told = {
        "sub": caller.sub,
        "username": caller.username,
        "client_id": caller.client_id,
        "scope": scopes.serialize(caller.scope),
        "session_id": caller.sid,
    }
    own = {name: value for name, value in caller.claims.items() if name not in told}
    present = {name: value for name, value in told.items() if value is not None}
    return ok({**own, **present})
