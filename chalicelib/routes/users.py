"""Accounts over HTTP: signing up, and what an access token says of its account."""

import os

from chalice import Response

from chalicelib import scope as scopes
from chalicelib.accounts.sign_up import SignUp
from chalicelib.services import checked_settings
from chalicelib.web import body
from chalicelib.web.call import Call
from chalicelib.web.protected_blueprint import ProtectedBlueprint
from chalicelib.web.responses import created, ok

# Whether a route takes a token is fixed when it is registered: a deployment writes it into API Gateway. And
# settings that can never work stop the start here, not the first request.
blueprint = ProtectedBlueprint(__name__, open_sign_up=checked_settings(os.environ).open_sign_up)


@blueprint.post("/users")
def sign_up(call: Call) -> Response:
    """A new account with the stage's default scopes."""
    fields = body.parse(call.request)
    asked = SignUp(fields.field("username"), fields.field("email"), fields.field("password"), call.device)
    user = call.services.accounts.sign_up(asked, call.now)
    account = {
        "sub": user.sub,
        "username": user.username,
        "email": user.email,
        "scope": scopes.serialize(user.scope),
    }
    location = call.address(f"/users/{user.sub}")
    return created(account, location)


@blueprint.get("/me")
def me(call: Call) -> Response:
    """The account as its access token has it, without a read."""
    caller = call.caller
    registered = {
        "sub": caller.sub,
        "username": caller.username,
        "client_id": caller.client_id,
        "scope": scopes.serialize(caller.scope),
        "session_id": caller.sid,
    }
    own = {name: value for name, value in caller.claims.items() if name not in registered}
    present = {name: value for name, value in registered.items() if value is not None}
    return ok({**own, **present})
