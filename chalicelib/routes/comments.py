"""The sample resource over HTTP. Who may reach which route stands in the access table alone."""

from chalice import Response
from chalice.app import Request

from chalicelib.model import Comment, CommentEvent
from chalicelib.sample.comments import Writer
from chalicelib.services import current
from chalicelib.timestamps import rfc3339
from chalicelib.web import body
from chalicelib.web.caller import Caller
from chalicelib.web.parameters import cursor, identifier, paged
from chalicelib.web.protected_blueprint import ProtectedBlueprint
from chalicelib.web.responses import created, no_content, ok

blueprint = ProtectedBlueprint(__name__)


@blueprint.get("/comments")
def list_comments(request: Request) -> Response:
    """A page of comments, oldest first; `next` asks for the page after."""
    comments, last = current().comments.page(cursor(request))
    return ok(paged("comments", [_shown(comment) for comment in comments], last))


@blueprint.post("/comments")
def post_comment(request: Request) -> Response:
    """A new comment. The author is the caller, whatever `author` says, unless the caller moderates."""
    services = current()
    fields = body.parse(request)
    writer = _writer(request)
    comment = services.comments.post(writer, fields.field("message"), fields.optional("author"), services.now())
    location = f"{services.realm(request.context).issuer}/comments/{comment.comment_id}"
    return created(_shown(comment), location)


@blueprint.get("/comments/{comment_id}")
def get_comment(request: Request, comment_id: str) -> Response:  # noqa: ARG001
    """One comment."""
    return ok(_shown(current().comments.get(identifier(comment_id))))


@blueprint.delete("/comments/{comment_id}")
def delete_comment(request: Request, comment_id: str) -> Response:
    """Removes the caller's own comment, or anyone's for a moderator."""
    current().comments.delete(_writer(request), identifier(comment_id))
    return no_content()


@blueprint.post("/comments/{comment_id}/flags")
def flag_comment(request: Request, comment_id: str) -> Response:
    """Flags a comment."""
    services = current()
    event = services.comments.flag(_writer(request), identifier(comment_id), services.now())
    return created(_event(event), f"{services.realm(request.context).issuer}/comments/{comment_id}/history")


@blueprint.get("/comments/{comment_id}/history")
def comment_history(request: Request, comment_id: str) -> Response:  # noqa: ARG001
    """What happened to a comment, oldest first."""
    history = current().comments.get(identifier(comment_id)).history
    return ok({"history": [_event(event) for event in history]})


def _writer(request: Request) -> Writer:
    caller = Caller.of(request.context)
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
