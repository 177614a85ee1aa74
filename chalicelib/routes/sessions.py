"""A user's sessions over HTTP: listing them, ending one, and changing the password."""

from chalice import Response

from chalicelib.accounts.sign_up import PasswordChange
from chalicelib.model import EndReason, Session
from chalicelib.timestamps import rfc3339
from chalicelib.web import body
from chalicelib.web.call import Call
from chalicelib.web.caller import Caller
from chalicelib.web.parameters import cursor, identifier, paged
from chalicelib.web.protected_blueprint import ProtectedBlueprint
from chalicelib.web.responses import no_content, ok

blueprint = ProtectedBlueprint(__name__)


@blueprint.get("/me/sessions")
def list_sessions(call: Call) -> Response:
    """The user's sessions, newest first; ended ones say why, until they are forgotten."""
    caller = call.caller
    sessions, last = call.services.sessions.page(caller.user(), cursor(call.request), call.now)
    return ok(paged("sessions", [_shown(session, caller) for session in sessions], last))


@blueprint.delete("/me/sessions/{session_id}")
def end_session(call: Call, session_id: str) -> Response:
    """Ends one session of the user, this one or another."""
    caller = call.caller
    call.services.sessions.end(caller.sub, identifier(session_id), EndReason.REVOKED, call.now)
    return no_content()


@blueprint.put("/me/password")
def change_password(call: Call) -> Response:
    """Sets a new password; every other session ends."""
    caller = call.caller
    fields = body.parse(call.request)
    change = PasswordChange(
        sub=caller.user(),
        current_password=fields.field("current_password"),
        new_password=fields.field("new_password"),
        device=call.device,
        kept=caller.kept,
    )
    call.services.accounts.change_password(change, call.now)
    return no_content()


def _shown(session: Session, caller: Caller) -> dict[str, object]:
    shown: dict[str, object] = {
        "session_id": session.session_id,
        "current": session.session_id == caller.sid,
        "client_id": session.client_id,
        "user_agent": session.device.user_agent,
        "address": session.device.address,
        "created_at": rfc3339(session.created_at),
        "last_used_at": rfc3339(session.rotated_at),
        "expires_at": rfc3339(session.ends_at()),
    }
    if session.ended_at is not None:
        shown |= {"ended_at": rfc3339(session.ended_at), "reason": session.reason}
    return shown
