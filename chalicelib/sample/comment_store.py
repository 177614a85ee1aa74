"""Comments, all in one partition so that a page is one read; ids sort by time."""

from chalicelib.errors import ConflictError
from chalicelib.model import Comment, CommentEvent, Principal, PrincipalKind
from chalicelib.stores.dynamodb import ConditionFailedError, Item, Range, Table

_COLLECTION = "comments"
PAGE_SIZE = 50
_MAX_EVENTS = 200
_MAY_HAPPEN = "attribute_exists(comment_id) AND size(history) < :most AND NOT contains(history, :same)"


class CommentStore:
    """Every method raises `StoreUnavailableError`."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def add(self, comment: Comment) -> None:
        """Writes a new comment."""
        self._table.put(
            {
                **_key(comment.comment_id),
                "author": _written(comment.author),
                "message": comment.message,
                "created_at": comment.created_at,
                "history": [_event_item(event) for event in comment.history],
            }
        )

    def get(self, comment_id: str) -> Comment | None:
        """The comment at `comment_id`."""
        item = self._table.get(_key(comment_id))
        return _comment(item) if item else None

    def page(self, after: str | None) -> tuple[list[Comment], str | None]:
        """Up to 50 comments past the id `after`, and the id to go on after, if there are more."""
        keys = Range("collection", _COLLECTION, "comment_id", after=after)
        items = self._table.query(keys, limit=PAGE_SIZE + 1)
        page = [_comment(item) for item in items[:PAGE_SIZE]]
        return page, page[-1].comment_id if len(items) > PAGE_SIZE else None

    def delete(self, comment_id: str) -> None:
        """Removes the comment, if it is still there."""
        self._table.delete(_key(comment_id))

    def append_event(self, comment_id: str, event: CommentEvent) -> bool:
        """Adds to the history. Returns whether there is such a comment. Raises `ConflictError` at its bound."""
        try:
            self._table.update(
                _key(comment_id),
                "SET history = list_append(history, :event)",
                {":event": [_event_item(event)], ":same": _event_item(event), ":most": _MAX_EVENTS},
                condition=_MAY_HAPPEN,
            )
        except ConditionFailedError as refused:
            if refused.item is None:
                return False
            # A try whose answer got lost has added it already.
            if _event_item(event) not in refused.item["history"]:
                raise ConflictError("The history of this comment is full.") from None
        return True


def _key(comment_id: str) -> Item:
    return {"collection": _COLLECTION, "comment_id": comment_id}


def _event_item(event: CommentEvent) -> Item:
    return {"action": event.action, "by": _written(event.by), "at": event.at}


def _comment(item: Item) -> Comment:
    return Comment(
        comment_id=item["comment_id"],
        author=_principal(item["author"]),
        message=item["message"],
        created_at=item["created_at"],
        history=tuple(
            CommentEvent(event["action"], _principal(event["by"]), event["at"]) for event in item["history"]
        ),
    )


def _written(principal: Principal) -> str:
    return f"{principal.kind.value} {principal.id}"


def _principal(text: str) -> Principal:
    kind, _, identity = text.partition(" ")
    return Principal(PrincipalKind(kind), identity)
