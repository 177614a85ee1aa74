"""The sample resource over HTTP. Who may reach which route stands in the access table alone."""

from chalice import Response

from chalicelib.model import Comment, CommentEvent
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
    return ok(paged("comments", [_shown(comment) for comment in comments], last))


@blueprint.post("/comments")
def post_comment(call: Call) -> Response:
    """A new comment. The author is the caller, whatever `author` says, unless the caller moderates."""
    fields = body.parse(call.request)
    writer = _writer(call)
    comment = call.services.comments.post(writer, fields.field("message"), fields.optional("author"), call.now)
    location = call.address(f"/comments/{comment.comment_id}")
    return created(_shown(comment), location)


@blueprint.get("/comments/{comment_id}")
def get_comment(call: Call, comment_id: str) -> Response:
    """One comment."""
    return ok(_shown(call.services.comments.get(identifier(comment_id))))


@blueprint.delete("/comments/{comment_id}")
def delete_comment(call: Call, comment_id: str) -> Response:
    """Removes the caller's own comment, or anyone's for a moderator."""
    call.services.comments.delete(_writer(call), identifier(comment_id))
    return no_content()


@blueprint.post("/comments/{comment_id}/flags")
def flag_comment(call: Call, comment_id: str) -> Response:
    """Flags a comment."""
    event = call.services.comments.flag(_writer(call), identifier(comment_id), call.now)
    return created(_event(event), call.address(f"/comments/{comment_id}/history"))


@blueprint.get("/comments/{comment_id}/history")
def comment_history(call: Call, comment_id: str) -> Response:
    """What happened to a comment, oldest first."""
    history = call.services.comments.get(identifier(comment_id)).history
    return ok({"history": [_event(event) for event in history]})


def _writer(call: Call) -> Writer:
    caller = call.caller
    return Writer(caller.username or caller.client_id, caller.scope)


def _shown(comment: Comment) -> dict[str, str]:
    return {
        "comment_id": comment.comment_id,
        "author": comment.author,
        "message": comment.message,
        "created_at": rfc3339(comment.created_at),
    }


def _event(event: CommentEvent) -> dict[str, str]:
    return {"action": event.action, "by": event.by, "at": rfc3339(event.at)}
