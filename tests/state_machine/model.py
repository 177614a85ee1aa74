"""What is promised about sessions, in the words that their users are told. Nothing here is taken from the code.

A session is a chain of refresh tokens. A token is spent when it is first presented, whoever presents it.

    presented                                               the answer
    a token that is not spent                               its successor
    one spent no longer ago than the grace, and whose       the same successor again: an answer got lost,
        successor is not spent                                  or two tabs asked at once
    any other                                               none, and the session ends: somebody has a copy

A session that has ended, that nobody has refreshed for the idle lifetime, or that is older than the absolute
lifetime, has no answers any more, whatever happens later. Disabling a user ends all their sessions.

From this follow the two promises that `Client.is_owed_an_answer` and `Session.has_two_holders` put into words.

Not promised:

- A thief who always follows the victim within the grace gets the victim's own answers and is not found out.
- A token that was spent so long ago that its HMAC key is gone is refused, but no longer tells of a copy.
- Why and when a session ended is forgotten once its user has ended all, or all others, twenty times since.
- What ends by time alone ends no access token early.
"""

from dataclasses import dataclass, field, replace

from chalicelib.scope import Scope

# In seconds, and near enough to each other that a few steps lead past all of them.
GRACE = 90
IDLE_LIFETIME = 2_000
ABSOLUTE_LIFETIME = 3_000
ACCESS_TOKEN_LIFETIME = 900
REVOCATION_INTERVAL = 5
# Of the times that a user ended all sessions, or all others.
REMEMBERED = 20
JWKS_MAX_AGE = 300


@dataclass(frozen=True)
class End:
    """When a session was ended, and why; more than one reason where they came within one second.

    `times_ended` is the user's count at that time.
    """

    at: int
    reasons: frozenset[str]
    times_ended: int


@dataclass(frozen=True)
class Use:
    """When a token was first presented, and by whom."""

    at: int
    holder: object


@dataclass(eq=False)
class User:
    """A person, as the services should know them."""

    username: str
    sub: str
    password: str
    scope: Scope
    disabled: bool = False
    sessions: list["Session"] = field(default_factory=list)
    times_ended: int = 0

    def living(self, now: int) -> list["Session"]:
        """The sessions that can still be refreshed, oldest first."""
        living = [session for session in self.sessions if not session.is_over(now)]
        return sorted(living, key=lambda session: (session.began, session.session_id))

    def end_sessions(self, reason: str, now: int, kept: "Session | None" = None) -> None:
        """Ends all sessions, or all but `kept`."""
        self.times_ended += 1
        for session in self.sessions:
            if session is not kept:
                session.end(reason, now)


@dataclass(eq=False)
class Session:
    """One sign-in. `spent` has the first use of each token by its generation."""

    user: User
    session_id: str
    asked_scope: Scope | None
    began: int
    spent: dict[int, Use] = field(default_factory=dict)
    ended: End | None = None
    newest: "Token | None" = None
    access_tokens: list["AccessToken"] = field(default_factory=list)

    def expires(self) -> int:
        """When time alone will end it."""
        last_used = max([self.began, *(use.at for use in self.spent.values())])
        return min(last_used + IDLE_LIFETIME, self.began + ABSOLUTE_LIFETIME)

    def is_over(self, now: int) -> bool:
        """Whether it is over, by somebody's doing or by time."""
        return self.ended is not None or now >= self.expires()

    def end(self, reason: str, now: int) -> None:
        """Ends it. The first reason stays."""
        if self.ended is None:
            self.ended = End(now, frozenset(), self.user.times_ended)
        if self.ended.at == now:
            self.ended = replace(self.ended, reasons=self.ended.reasons | {reason})

    def end_is_remembered(self) -> bool:
        """Whether the list must still tell why it ended."""
        return self.ended is None or self.user.times_ended < self.ended.times_ended + REMEMBERED

    def present(self, generation: int, holder: object, now: int) -> int | None:
        """Somebody presents the token of `generation`: the generation of the answer, or `None`."""
        if self.is_over(now):
            return None
        use = self.spent.setdefault(generation, Use(now, holder))
        if now > use.at + GRACE or generation + 1 in self.spent:
            self.end("reuse", now)
            return None
        return generation + 1

    def has_two_holders(self, generation: int, holder: object, now: int) -> bool:
        """The promise about thieves: of two holders who present one token more than the grace apart, the second
        ends the session, had it not ended before."""
        use = self.spent.get(generation)
        return use is not None and use.holder is not holder and now > use.at + GRACE


@dataclass(frozen=True, eq=False)
class Token:
    """A refresh token that the services handed out at `made_at`."""

    session: Session
    sub: str
    generation: int
    text: str
    made_at: int


@dataclass(frozen=True, eq=False)
class AccessToken:
    """An access token that the services handed out, good until `expires`."""

    session: Session
    text: str
    expires: int


@dataclass(eq=False)
class Client:
    """An honest client: it keeps the last answer that it saw, and refreshes once at a time.

    `sent` are its requests, of which the network may deliver any one again, late.
    """

    user: User
    token: Token
    access_token: AccessToken
    sent: list[Token] = field(default_factory=list)

    def is_owed_an_answer(self, now: int) -> bool:
        """The promise to honest clients: nobody but this client has used a token of its session, nobody has ended
        it; so it is never thrown out before the idle and the absolute lifetime, and where an answer got lost, it
        may ask again within the grace."""
        session = self.token.session
        if session.ended or any(use.holder is not self for use in session.spent.values()):
            return False
        asked = session.spent.get(self.token.generation)
        before = session.spent.get(self.token.generation - 1)
        last_used = before.at if before else session.began
        in_time = now <= asked.at + GRACE if asked else now < last_used + IDLE_LIFETIME
        return in_time and now < session.began + ABSOLUTE_LIFETIME

    def may_repeat(self, sent: Token, now: int) -> bool:
        """Whether a delayed duplicate of the request `sent` counts as honest, and so must end nothing: until the
        client has presented the successor, within the grace."""
        use = sent.session.spent.get(sent.generation)
        in_time = use is None or now <= use.at + GRACE
        return in_time and sent.generation + 1 not in sent.session.spent
