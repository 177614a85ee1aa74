"""What must hold of every history, whatever the clients did and however their requests met.

A session may have ended once an end was asked for; it has surely ended once that was answered. In between both
answers are right, afterwards and before only one is.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from chalicelib.model import EndReason
from chalicelib.stores.revocations import MAX_ENDED
from tests.load.history import Act, Seen, before

# Sessions tell their ends in whole seconds: which of two was first is not told within one.
_SECOND = 1.0
# Requests of one user that may be under way together.
_AT_ONCE = 6
# So much of a session's history is shown.
_SHOWN = 12
# For so many changes of a user's epoch the reason is remembered (docs/sessions.md).
REMEMBERED_CHANGES = 20


@dataclass(frozen=True, slots=True)
class Broken:
    """An invariant that does not hold, and the requests that show it."""

    rule: str
    session: str | None
    evidence: tuple[Seen, ...] = ()


@dataclass(frozen=True, slots=True)
class Final:
    """What stands there when all is over: by user, the sessions listed, each with the reason of its end (`None`:
    it lives); by session, the generation in the table."""

    listed: Mapping[str, Mapping[str, str | None]]
    generations: Mapping[str, int]


@dataclass(slots=True)
class Life:
    """One session: the sign-in that made it, what was asked with its tokens, and what may have ended it."""

    begun: Seen
    requests: list[Seen] = field(default_factory=list)
    ends: list[Seen] = field(default_factory=list)
    forgotten: bool = False  # whether its user has ended so many sessions that the reasons are not all remembered

    def of(self, act: Act) -> list[Seen]:
        return [seen for seen in self.requests if seen.act is act]

    def until(self, one: Seen) -> tuple[Seen, ...]:
        """What came before `one`, as far as it may explain it, and itself."""
        all_of_it = sorted((self.begun, *self.requests, *self.ends), key=lambda each: each.began)
        return tuple(all_of_it[: all_of_it.index(one) + 1][-_SHOWN:])

    def sure_ends(self) -> list[Seen]:
        return [end for end in self.ends if end.surely_ends(self.begun)]


def broken(seen: Sequence[Seen], final: Final, interval: float) -> list[Broken]:
    """Every invariant that `seen` and `final` break. `interval` is how soon an ended session's access tokens stop
    working, in seconds, with what the clients' machine may need."""
    lives = _lives(seen)
    found = [*_wrong_answers(seen), *_strangers(seen, lives, final)]
    for session, life in lives.items():
        found += [
            *_lost(life),
            *_revived(life, interval),
            *_successors(life),
            *_listed_wrongly(life, final.listed.get(life.begun.user, {})),
            *_miscounted(life, final.generations.get(session)),
        ]
    return found


def _lives(seen: Sequence[Seen]) -> dict[str, Life]:
    begun = [one for one in seen if one.act is Act.SIGN_IN and one.session]
    lives = {one.session: Life(one) for one in begun if one.session}
    ends = defaultdict(list)
    for one in seen:
        if one.act is Act.END:
            ends[one.user].append(one)
        # What a thief does is an end alone, and no request of the session's owner.
        if one.act is not Act.SIGN_IN and one.reason != EndReason.REUSE and one.session in lives:
            lives[one.session].requests.append(one)
    for life in lives.values():
        of_user = ends[life.begun.user]
        perhaps_all = _past_the_bound(of_user)
        life.ends = [
            end
            for end in of_user
            if end.may_end(life.begun) or (end in perhaps_all and not before(end, life.begun))
        ]
        life.forgotten = sum(end.of_all() for end in of_user) + len(perhaps_all) > REMEMBERED_CHANGES
    return lives


def _past_the_bound(ends: Iterable[Seen]) -> list[Seen]:
    """The ends of one session that may have ended all, for the user had ended as many one by one as an entry of
    the feed holds."""
    ones = [end for end in ends if not end.of_all() and end.may_have_taken()]
    # Those under way together come in any order.
    return sorted(ones, key=lambda end: end.began)[MAX_ENDED - _AT_ONCE :]


_EXPECTED = {Act.SIGN_IN: {200}, Act.REFRESH: {200, 401}, Act.CALL: {200, 401}, Act.END: {204, 401, 409}}


def _wrong_answers(seen: Iterable[Seen]) -> Iterator[Broken]:
    for one in seen:
        if one.reason == EndReason.REUSE and one.status not in {None, 401, 503}:
            yield Broken("an old refresh token is refused", one.target, (one,))
        elif one.status is not None and one.status not in _EXPECTED[one.act] | {503}:
            yield Broken(f"a {one.act} is never answered {one.status}", one.session, (one,))


def _strangers(seen: Sequence[Seen], lives: Mapping[str, Life], final: Final) -> Iterator[Broken]:
    """Sessions that nobody began; one may be there for each sign-in whose answer is not known."""
    for user, listed in final.listed.items():
        unknown = sum(
            one.act is Act.SIGN_IN and one.user == user and not one.session and one.may_have_taken()
            for one in seen
        )
        strangers = listed.keys() - lives.keys()
        if len(strangers) > unknown:
            yield Broken("only sessions that were begun are listed", ", ".join(sorted(strangers)))


def _lost(life: Life) -> Iterator[Broken]:
    """Nothing is lost: who was refused had been ended, or was being ended."""
    for one in life.requests:
        if one.status == 401 and all(before(one, end) for end in life.ends):
            yield Broken(f"a {one.act} of a living session is let in", one.session, life.until(one))
            return


def _revived(life: Life, interval: float) -> Iterator[Broken]:
    """Nothing is revived: no refresh after the end was answered, no call by an access token later than the
    interval, or, in the container that ended it, at all."""
    for end in life.sure_ends():
        for one in life.requests:
            if not one.took():
                continue
            told = one.act is Act.REFRESH or (one.container == end.container and end.reason != EndReason.REUSE)
            if before(end, one, 0 if told else interval):
                yield Broken(f"no {one.act} is let in after the end", one.session, (end, one))


def _successors(life: Life) -> Iterator[Broken]:
    """What a refresh token says has one successor, and that has it alone before it. By one key the successor is
    the same byte for byte; where the key changed in between, the same under either."""
    refreshes = [one for one in life.of(Act.REFRESH) if one.status == 200 and one.successor]
    after, ahead = defaultdict(set), defaultdict(set)
    for one in refreshes:
        after[_says(one.presented)].add(one.successor)
        ahead[_says(one.successor)].add(_says(one.presented))
    for one in refreshes:
        successors = after[_says(one.presented)]
        keys = {successor.rpartition(":")[0] for successor in successors if successor}
        if len({_says(successor) for successor in successors}) > 1 or len(successors) > len(keys):
            yield Broken("a refresh token has one successor", life.begun.session, life.until(one))
            return
        if len(ahead[_says(one.successor)]) > 1:
            yield Broken("a successor has one token before it", life.begun.session, life.until(one))
            return


def _says(token: str | None) -> str:
    return (token or "").partition(":")[0]


def _listed_wrongly(life: Life, listed: Mapping[str, str | None]) -> Iterator[Broken]:
    session = life.begun.session or ""
    if session not in listed:
        yield Broken("every session is listed", session, (life.begun,))
        return
    reason, sure = listed[session], life.sure_ends()
    first = [end for end in life.ends if not any(before(other, end, _SECOND) for other in sure)]
    if reason is None and sure:
        yield Broken("an ended session is listed as ended", session, (life.begun, *sure))
    elif reason is not None and not life.forgotten and reason not in {end.reason for end in first}:
        yield Broken(f"the reason listed, {reason}, is that of the first end", session, (life.begun, *life.ends))


def _miscounted(life: Life, generation: int | None) -> Iterator[Broken]:
    """Each token moves the session by one, once. One whose answer is not known may have, and so may one that was
    refused because the user had ended the session: that is asked after the write."""
    refreshes = life.of(Act.REFRESH)
    of_all = any(end.of_all() or end.target != life.begun.session for end in life.ends)
    known = {_says(one.presented) for one in refreshes if one.took()}
    perhaps = {_says(one.presented) for one in refreshes if one.may_have_taken() or (one.status == 401 and of_all)}
    if generation is None or not len(known) <= generation <= len(perhaps):
        rule = f"the generation in the table, {generation}, is what the clients counted, {len(known)}"
        yield Broken(rule, life.begun.session, (life.begun, *refreshes, *life.ends))
