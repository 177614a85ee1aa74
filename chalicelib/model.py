"""What the service is about, as frozen values. Times are NumericDate: seconds since 1970 in UTC (RFC 7519 §2)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from chalicelib.scope import Scope


class EndReason(StrEnum):
    """Why a session ended."""

    LOGOUT = "logout"
    LOGOUT_ALL = "logout_all"
    LOGOUT_OTHERS = "logout_others"
    REVOKED = "revoked"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105
    SESSION_LIMIT = "session_limit"
    REUSE = "reuse"
    DISABLED = "disabled"
    RESTORED = "restored"


class PrincipalKind(StrEnum):
    """Who may act: a person, or a program by itself."""

    USER = "user"
    CLIENT = "client"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who acts: `id` is a user's `sub` or a client's `client_id`, never a name."""

    kind: PrincipalKind
    id: str


# The client that users of the first-party routes (`/tokens`) sign in with.
FIRST_PARTY = "gatehouse"


@dataclass(frozen=True, slots=True)
class EpochChange:
    """When a user's `session_epoch` became `epoch` and why; it ended every session but `kept`."""

    epoch: int
    at: int
    reason: EndReason
    kept: str | None


@dataclass(frozen=True, slots=True)
class User:
    """A person with a password. `password_hash` is a PHC string, `claims` are JSON values for the tokens.

    Raising `session_epoch` ends all sessions of older epochs but `kept_session`, in one write that needs no
    clock and no list; whoever is disabled had it raised in the same write. `epoch_changes` are the latest ones,
    for telling the user.
    """

    sub: str
    username: str
    email: str | None
    password_hash: str = field(repr=False)
    scope: Scope
    claims: Mapping[str, object] = field(default_factory=dict)
    disabled: bool = False
    session_epoch: int = 0
    kept_session: str | None = None
    epoch_changes: tuple[EpochChange, ...] = ()


@dataclass(frozen=True, slots=True)
class Device:
    """Where a request came from, as the gateway saw it."""

    address: str
    user_agent: str


@dataclass(frozen=True, slots=True)
class Session:
    """One sign-in of one user with one client, from the first token to the last refresh.

    `secret_hash` is the SHA-256 of the secret that only the holder of the refresh token has. `generation`
    counts the refreshes. A session is over at `expires_at` (which slides), at `absolute_expires_at` (which
    never does) or at `ended_at`, whichever comes first.
    """

    sub: str
    session_id: str
    client_id: str
    asked_scope: Scope | None
    secret_hash: bytes = field(repr=False)
    generation: int
    session_epoch: int
    created_at: int
    rotated_at: int
    expires_at: int
    absolute_expires_at: int
    device: Device
    ended_at: int | None = None
    reason: EndReason | None = None

    def lives_with(self, user: User) -> bool:
        """Whether nothing that happened to the user has ended this session."""
        return self.session_epoch == user.session_epoch or self.session_id == user.kept_session

    def ends_at(self) -> int:
        """When the session is over if nobody does anything."""
        return min(self.expires_at, self.absolute_expires_at)


@dataclass(frozen=True, slots=True)
class TokenResponse:
    """RFC 6749 §5.1. `expires_in` is in seconds; `scope` is what was granted."""

    access_token: str = field(repr=False)
    expires_in: int
    refresh_token: str = field(repr=False)
    scope: Scope


@dataclass(frozen=True, slots=True)
class CommentEvent:
    """Something that happened to a comment: `action` is `created` or `flagged`."""

    action: str
    by: Principal
    at: int


@dataclass(frozen=True, slots=True)
class Comment:
    """An entry of the sample resource."""

    comment_id: str
    author: Principal
    message: str
    created_at: int
    history: tuple[CommentEvent, ...] = ()
