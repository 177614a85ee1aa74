"""The sample resource over HTTP. Who may reach which route stands in the access table alone."""

from collections.abc import Mapping

from chalice import Response

from chalicelib.model import Comment, CommentEvent, Principal
from chalicelib.sample.comments import Writer
from chalicelib.timestamps import rfc3339
from chalicelib.web import body
from chalicelib.web.call import Call
from chalicelib.web.parameters import cursor, identifier, paged
from chalicelib.web.protected_blueprint import ProtectedBlueprint
from chalicelib.web.responses import created, no_content, ok

blueprint = ProtectedBlueprint(__name__)


@blueprint.get("/comments")
def list_comments(call: Call) -> Response:
    """A page of comments, oldest first; `next` asks for the page after."""
    comments, last = call.services.comments.page(cursor(call.request))
    names = call.services.comments.names({comment.author for comment in comments})
    return ok(paged("comments", [_shown(comment, names) for comment in comments], last))


@blueprint.post("/comments")
def post_comment(call: Call) -> Response:
    """A new comment. The author is the caller, whatever `author` says, unless the caller moderates."""
    fields = body.parse(call.request)
    comments = call.services.comments
    comment = comments.post(_writer(call), fields.field("message"), fields.optional("author"), call.now)
    shown = _shown(comment, comments.names({comment.author}))
    return created(shown, call.address(f"/comments/{comment.comment_id}"))


@blueprint.get("/comments/{comment_id}")
def get_comment(call: Call, comment_id: str) -> Response:
    """One comment."""
    comment = call.services.comments.get(identifier(comment_id))
    return ok(_shown(comment, call.services.comments.names({comment.author})))


@blueprint.delete("/comments/{comment_id}")
def delete_comment(call: Call, comment_id: str) -> Response:
    """Removes the caller's own comment, or anyone's for a moderator."""
    call.services.comments.delete(_writer(call), identifier(comment_id))
    return no_content()


@blueprint.post("/comments/{comment_id}/flags")
def flag_comment(call: Call, comment_id: str) -> Response:
    """Flags a comment."""
    comments = call.services.comments
    event = comments.flag(_writer(call), identifier(comment_id), call.now)
    return created(_event(event, comments.names({event.by})), call.address(f"/comments/{comment_id}/history"))


@blueprint.get("/comments/{comment_id}/history")
def comment_history(call: Call, comment_id: str) -> Response:
    """What happened to a comment, oldest first."""
    comments = call.services.comments
    history = comments.get(identifier(comment_id)).history
    names = comments.names({event.by for event in history})
    return ok({"history": [_event(event, names) for event in history]})


def _writer(call: Call) -> Writer:
    return Writer(call.caller.principal, call.caller.scope)


def _shown(comment: Comment, names: Mapping[Principal, str]) -> dict[str, str | None]:
    return {
        "comment_id": comment.comment_id,
        "author": names.get(comment.author),
        "message": comment.message,
        "created_at": rfc3339(comment.created_at),
    }


def _event(event: CommentEvent, names: Mapping[Principal, str]) -> dict[str, str | None]:
    return {"action": event.action, "by": names.get(event.by), "at": rfc3339(event.at)}
