"""Security events: what an operator wants to hear of. None holds a token, a secret or a password."""

from dataclasses import dataclass
from typing import Protocol

from chalicelib.model import Device


@dataclass(frozen=True, slots=True)
class RefreshTokenReused:
    """An old refresh token was presented, and its session was ended (RFC 9700 §4.14.2)."""

    sub: str
    username: str
    session_id: str
    presented_generation: int
    current_generation: int
    device: Device


@dataclass(frozen=True, slots=True)
class SignInFailuresPiledUp:
    """One username has failed so many times from anywhere. Nobody was locked out."""

    username: str
    failures: int
    device: Device


Event = RefreshTokenReused | SignInFailuresPiledUp


class Events(Protocol):
    """Where events go."""

    def record(self, event: Event) -> None:
        """Takes note of `event`; never fails."""
