"""What a client saw of one request: when it asked, when it was answered, and what came of it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from chalicelib.model import EndReason

# Ends that name one session; the others end every session of the user, but perhaps one.
_OF_ONE = {EndReason.LOGOUT, EndReason.REVOKED, EndReason.REUSE}


class Act(StrEnum):
    """What was asked for."""

    SIGN_IN = "sign in"
    REFRESH = "refresh"
    CALL = "protected call"
    END = "end"


@dataclass(frozen=True, slots=True)
class Seen:
    """One request as its client saw it. Times are seconds of one monotonic clock.

    `answered` and `status` are `None` where the answer was lost. `session` is the session that the request's
    token belongs to, or that it made; `presented` and `successor` are refresh tokens as `accounts.named` writes
    them. An end says its `reason`; where it names one session, that is the `target`, else the session spared.
    """

    act: Act
    user: str
    container: int
    began: float
    answered: float | None
    status: int | None
    session: str | None = None
    presented: str | None = None
    successor: str | None = None
    reason: str = ""
    target: str | None = None

    def took(self) -> bool:
        """Whether it was surely done. The use of an old token is answered 401, and has ended the session then."""
        return self.status == (401 if self.reason == EndReason.REUSE else 204 if self.act is Act.END else 200)

    def may_have_taken(self) -> bool:
        """Whether it may have been done: the answer was lost, or speaks of a store that did not answer."""
        return self.took() or self.status in {None, 503}

    def of_all(self) -> bool:
        """Whether this is an end of every session of the user, but perhaps one."""
        return self.act is Act.END and self.reason not in _OF_ONE

    def may_end(self, begun: "Seen") -> bool:
        """Whether this may have ended the session that `begun` made."""
        if self.act is not Act.END or self.user != begun.user or not self.may_have_taken():
            return False
        if self.of_all():
            return self.target != begun.session and not before(self, begun)
        return self.target == begun.session

    def surely_ends(self, begun: "Seen") -> bool:
        """Whether the session that `begun` made is over once this is answered."""
        return self.may_end(begun) and self.took() and (not self.of_all() or before(begun, self))


def before(earlier: Seen, later: Seen, slack: float = 0) -> bool:
    """Whether `earlier` was answered, by more than `slack` seconds, before `later` was asked."""
    return earlier.answered is not None and earlier.answered + slack < later.began


def told(requests: Iterable[Seen]) -> Iterator[str]:
    """Requests in the order in which they were asked, one line each, with times from the first one on."""
    in_order = sorted(requests, key=lambda one: one.began)
    for one in in_order:
        began = one.began - in_order[0].began
        answered = "lost" if one.answered is None else f"{one.answered - in_order[0].began:.3f}"
        token = f"{one.presented} -> {one.successor}" if one.presented else ""
        aimed = f"{one.reason} {one.target or 'all'}" if one.reason else ""
        yield f"{began:10.3f} {answered:>8}  {one.act:16} {one.status}  container {one.container}  {token}{aimed}"
