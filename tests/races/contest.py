"""Contestants: threads that act at the same moment, and what comes out when they all refresh one session."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from threading import Barrier
from typing import TypeVar

from chalicelib import services
from chalicelib.accounts.password import Profile
from chalicelib.errors import GatehouseError
from chalicelib.grants.refresh_token import RefreshTokenGrant, SessionRotation
from chalicelib.model import Device, EndReason, Session, User
from chalicelib.services import Services
from chalicelib.stores.sessions import SessionStore
from chalicelib.tokens.refresh_token import read
from tests.support.patience import END
from tests.support.token_requests import by_password, by_refresh_token

CONTESTANTS = 16
PASSWORD = "demo-password"
_CHEAP = Profile(iterations=1, lanes=1, memory_cost=8)  # costs nothing, protects nothing
_REALM = ("https://gatehouse.example", "https://gatehouse.example")  # issuer and audience
_DEVICE = Device("192.0.2.7", "racer")

T = TypeVar("T")


def assemble(environment: Mapping[str, str], now: int) -> Services:
    """The services of one container whose clock stands at `now`: no race outlasts the grace."""
    return replace(services.assemble(environment), profile=_CHEAP, clock=lambda: now)


def at_once(threads: Executor, acts: Sequence[Callable[[], T]]) -> list[T]:
    """Lets every act begin when all of them are ready, and gives what each returned. `threads` holds as many."""
    ready = Barrier(len(acts))

    def perform(act: Callable[[], T]) -> T:
        ready.wait(END)
        return act()

    return [future.result() for future in [threads.submit(perform, act) for act in acts]]


def attempt(act: Callable[[], T]) -> T | GatehouseError:
    """What `act` returned, or how it was refused."""
    try:
        return act()
    except GatehouseError as error:
        return error


def sign_in(services: Services, user: User) -> str:
    """The refresh token of a new session."""
    return services.token_endpoint(by_password(services, user.username, PASSWORD)).refresh_token


def refresh(services: Services, refresh_token: str, grant: RefreshTokenGrant | None = None) -> str:
    """The successor of `refresh_token`, by the grant of `services` or the one given."""
    endpoint = services.token_endpoint
    if grant is not None:
        endpoint = replace(endpoint, grants={"refresh_token": grant})
    return endpoint(by_refresh_token(services, refresh_token)).refresh_token


def session_of(services: Services, refresh_token: str) -> Session:
    """The session that `refresh_token` belongs to, as it stands."""
    token = read(refresh_token, services.keys, services.now())
    session = services.session_store.get(token.sub, token.session_id)
    assert session is not None
    return session


def end(services: Services, refresh_token: str, reason: EndReason) -> bool:
    """Ends the session of `refresh_token`. Whether this call did it."""
    session = session_of(services, refresh_token)
    return services.session_store.end(session.sub, session.session_id, reason, services.now())


@dataclass(frozen=True)
class Recorded:
    """Sessions that remember which writes took: the generation of each rotation, the reason of each end."""

    sessions: SessionStore
    rotations: list[int] = field(default_factory=list)
    ends: list[EndReason] = field(default_factory=list)

    def rotate(self, rotation: SessionRotation) -> tuple[bool, Session | None]:
        took, session = self.sessions.rotate(rotation)
        if took:
            self.rotations.append(rotation.token.generation)
        return took, session

    def close(self, sub: str, session_id: str, reason: EndReason, now: int) -> bool:
        ended = self.sessions.end(sub, session_id, reason, now)
        if ended:
            self.ends.append(reason)
        return ended


@dataclass(frozen=True)
class Round:
    """What came out when all contestants refreshed one token: how many different successors, how many writes
    took, and by how much the generation moved."""

    successors: int
    writes: int
    generations: int


LOST_NOTHING = Round(successors=1, writes=1, generations=1)


def refresh_race(
    services: Services, threads: Executor, refresh_token: str, sessions: SessionStore | None = None
) -> tuple[Round, str]:
    """One round over the sessions of `services`, or those given; and a token to go on with."""
    recorded = Recorded(sessions or services.session_store)
    grant = replace(services.refresh_token_grant, sessions=recorded)
    before = session_of(services, refresh_token).generation
    successors = at_once(threads, [lambda: refresh(services, refresh_token, grant)] * CONTESTANTS)
    moved = session_of(services, refresh_token).generation - before
    return Round(len(set(successors)), len(recorded.rotations), moved), successors[0]
