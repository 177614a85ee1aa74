"""Passwords: Argon2id hashes as PHC strings (RFC 9106), and which new passwords are taken.

A text is prepared by the OpaqueString profile (RFC 8265 §4.2) as far as it matters here: NFC, and every
space an ordinary one, so that one password typed on two keyboards is one password.
"""

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from chalicelib.errors import InvalidRequestError

MIN_LENGTH, MAX_LENGTH = 12, 256
_SALT_BYTES, _HASH_BYTES = 16, 32


@dataclass(frozen=True, slots=True)
class Profile:
    """Cost parameters of Argon2id: passes over the memory, lanes, and memory in KiB."""

    iterations: int
    lanes: int
    memory_cost: int


# Named after who recommends them: RFC 9106 §4, second recommended option; OWASP Password Storage Cheat Sheet.
PROFILES = {
    "RFC_9106_LOW_MEMORY": Profile(iterations=3, lanes=4, memory_cost=64 * 1024),
    "OWASP_MINIMUM": Profile(iterations=2, lanes=1, memory_cost=19 * 1024),
}


class Passwords:
    """Hashes and checks passwords under one profile. `random_bytes` makes the salts."""

    def __init__(self, profile: Profile, random_bytes: Callable[[int], bytes]) -> None:
        self._profile = profile
        self._random_bytes = random_bytes

    def hash(self, password: str) -> str:
        """A PHC string, `$argon2id$v=19$m=…,t=…,p=…$salt$hash`."""
        return Argon2id(
            salt=self._random_bytes(_SALT_BYTES),
            length=_HASH_BYTES,
            iterations=self._profile.iterations,
            lanes=self._profile.lanes,
            memory_cost=self._profile.memory_cost,
        ).derive_phc_encoded(_prepared(password))

    def verify(self, password: str, password_hash: str | None) -> bool:
        """Whether `password` belongs to the hash. `None` (no such user) costs the same and is never right."""
        try:
            Argon2id.verify_phc_encoded(_prepared(password), password_hash or self._decoy())
        except InvalidKey:
            return False
        return password_hash is not None

    def needs_rehash(self, password_hash: str) -> bool:
        """Whether the hash was made with other parameters than today's."""
        cost = f"m={self._profile.memory_cost},t={self._profile.iterations},p={self._profile.lanes}"
        return password_hash.split("$")[1:4] != ["argon2id", "v=19", cost]

    def _decoy(self) -> str:
        return _decoy(self._profile)


def check_new_password(password: str, *personal: str) -> None:
    """Refuses a password that is too short, too long, common, or one of the `personal` words.

    No rules about which characters (NIST SP 800-63B §3.1.1.2). Raises `InvalidRequestError`.
    """
    if not MIN_LENGTH <= length(password) <= MAX_LENGTH:
        raise InvalidRequestError(f"The password must be {MIN_LENGTH} to {MAX_LENGTH} characters long.")
    plain = password.casefold()
    if plain in common_passwords() or len(set(plain)) == 1 or plain in {word.casefold() for word in personal}:
        raise InvalidRequestError("This password is too easily guessed.")


def length(password: str) -> int:
    """How many characters a password has, however it was typed."""
    return len(unicodedata.normalize("NFC", password))


@cache
def common_passwords() -> frozenset[str]:
    """The passwords of at least 12 characters that guessing starts with, case-folded."""
    return frozenset(Path(__file__).with_name("common_passwords.txt").read_text("utf-8").split())


@cache
def _decoy(profile: Profile) -> str:
    return Passwords(profile, lambda count: b"\0" * count).hash("nobody has this password")


def _prepared(password: str) -> bytes:
    spaced = "".join(" " if unicodedata.category(c) == "Zs" else c for c in password)
    return unicodedata.normalize("NFC", spaced).encode("utf-8", "surrogatepass")
