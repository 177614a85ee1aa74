"""The sample resource: comments that their authors own. Replace it with what your API is about."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from chalicelib.accounts import username as usernames
from chalicelib.errors import ForbiddenError, InvalidRequestError, NotFoundError
from chalicelib.model import Comment, CommentEvent
from chalicelib.scope import Scope

MODERATE = "comments:moderate"
MAX_MESSAGE = 4_000


class Store(Protocol):
    """What the comments need of their table. All raise `StoreUnavailableError`."""

    def add(self, comment: Comment) -> None: ...

    def get(self, comment_id: str) -> Comment | None: ...

    def page(self, after: str | None) -> tuple[list[Comment], str | None]: ...

    def delete(self, comment_id: str) -> None: ...

    def append_event(self, comment_id: str, event: CommentEvent) -> bool:
        """Whether there is such a comment. Raises `ConflictError` when its history is full."""


@dataclass(frozen=True, slots=True)
class Writer:
    """Who acts, and what their token may do."""

    username: str
    scope: Scope

    def may_act_for(self, author: str) -> bool:
        """Whoever moderates may write and delete as anyone, others as themselves."""
        return MODERATE in self.scope or usernames.key(author) == usernames.key(self.username)


@dataclass(frozen=True, slots=True)
class Comments:
    """`new_id` makes ids of `[A-Za-z0-9_-]{1,64}` that sort by time."""

    store: Store
    new_id: Callable[[int], str]

    def post(self, writer: Writer, message: str, author: str | None, now: int) -> Comment:
        """A new comment; `author` counts only for whoever may act for them. Raises `InvalidRequestError`."""
        if not 1 <= len(message) <= MAX_MESSAGE:
            raise InvalidRequestError(f"The message must be 1 to {MAX_MESSAGE} characters long.")
        name = usernames.normalize(author) if author and MODERATE in writer.scope else writer.username
        created = CommentEvent("created", writer.username, now)
        comment = Comment(self.new_id(now), name, message, now, (created,))
        self.store.add(comment)
        return comment

    def page(self, after: str | None) -> tuple[list[Comment], str | None]:
        """A page of comments, oldest first, and the id to go on after."""
        return self.store.page(after)

    def get(self, comment_id: str) -> Comment:
        """Raises `NotFoundError`."""
        comment = self.store.get(comment_id)
        if comment is None:
            raise NotFoundError
        return comment

    def delete(self, writer: Writer, comment_id: str) -> None:
        """Raises `NotFoundError`, and `ForbiddenError` for another's comment."""
        if not writer.may_act_for(self.get(comment_id).author):
            raise ForbiddenError("This comment belongs to somebody else.")
        self.store.delete(comment_id)

    def flag(self, writer: Writer, comment_id: str, now: int) -> CommentEvent:
        """Notes that a moderator looked twice at a comment. Raises `NotFoundError`, `ConflictError`."""
        event = CommentEvent("flagged", writer.username, now)
        if not self.store.append_event(comment_id, event):
            raise NotFoundError
        return event
