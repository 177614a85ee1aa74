"""The sample resource: comments that their authors own. Replace it with what your API is about."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from chalicelib.accounts import username as usernames
from chalicelib.errors import ForbiddenError, InvalidRequestError, NotFoundError
from chalicelib.model import Comment, CommentEvent, Principal, PrincipalKind
from chalicelib.scope import Scope

MODERATE = "comments:moderate"
MAX_MESSAGE = 4_000


class Names(Protocol):
    """Who has which name. Both raise `StoreUnavailableError`."""

    def sub_of(self, username: str) -> str | None: ...

    def names(self, subs: Collection[str]) -> Mapping[str, str]:
        """The username of each of at most 100 `subs`, without those that there are no more."""


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

    principal: Principal
    scope: Scope

    def may_act_for(self, author: Principal) -> bool:
        """Whoever moderates may write and delete as anyone, others as themselves."""
        return MODERATE in self.scope or author == self.principal


@dataclass(frozen=True, slots=True)
class Comments:
    """`new_id` makes ids of `[A-Za-z0-9_-]{1,64}` that sort by time."""

    store: Store
    users: Names
    new_id: Callable[[], str]

    def post(self, writer: Writer, message: str, author: str | None, now: int) -> Comment:
        """A new comment; the username `author` counts only for whoever moderates. Raises `InvalidRequestError`."""
        if not 1 <= len(message) <= MAX_MESSAGE:
            raise InvalidRequestError(f"The message must be 1 to {MAX_MESSAGE} characters long.")
        principal = self._named(author) if author and MODERATE in writer.scope else writer.principal
        created = CommentEvent("created", writer.principal, now)
        comment = Comment(self.new_id(), principal, message, now, (created,))
        self.store.add(comment)
        return comment

    def names(self, principals: Collection[Principal]) -> Mapping[Principal, str]:
        """The name of each, by one read: a user's username, a client's id. A deleted user has none."""
        users = self.users.names({each.id for each in principals if each.kind is PrincipalKind.USER})
        return {
            each: name
            for each in principals
            if (name := each.id if each.kind is PrincipalKind.CLIENT else users.get(each.id)) is not None
        }

    def _named(self, username: str) -> Principal:
        sub = self.users.sub_of(usernames.normalize(username))
        if sub is None:
            raise InvalidRequestError("There is no such author.")
        return Principal(PrincipalKind.USER, sub)

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
        event = CommentEvent("flagged", writer.principal, now)
        if not self.store.append_event(comment_id, event):
            raise NotFoundError
        return event
