"""Passwords: Argon2id hashes as PHC strings (RFC 9106), and which new passwords are taken.

A text is prepared by the OpaqueString profile (RFC 8265 §4.2) as far as it matters here: NFC, and every
space an ordinary one, so that one password typed on two keyboards is one password.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Lock

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from chalicelib import deadline
from chalicelib.errors import InvalidRequestError, StoreUnavailableError

MIN_LENGTH, MAX_LENGTH = 12, 256
_SALT_BYTES, _HASH_BYTES = 16, 32
# In NFC a text has at least a quarter of its characters (UAX #15 §4): what is longer is too long, unread.
_LONGEST_AS_TYPED = 4 * MAX_LENGTH
_PHC_PROFILE = re.compile(r"\$argon2id\$v=19\$m=([0-9]{1,10}),t=([0-9]{1,10}),p=([0-9]{1,10})\$")


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
    """Hashes and checks passwords under one profile. `random_bytes` makes the salts.

    While hashes of several profiles exist, a check costs one derivation under each of them, whoever is asked for:
    else the time would tell a name that nobody has from one whose hash is older. They are today's, the `former`
    one, and whichever a check has met.
    """

    def __init__(
        self, profile: Profile, random_bytes: Callable[[int], bytes], former: Profile | None = None
    ) -> None:
        self._profile = profile
        self._random_bytes = random_bytes
        self._in_use = frozenset({profile, former or profile})

    def hash(self, password: str) -> str:
        """A PHC string, `$argon2id$v=19$m=…,t=…,p=…$salt$hash`. Raises `StoreUnavailableError`."""
        with _alone():
            return Argon2id(
                salt=self._random_bytes(_SALT_BYTES),
                length=_HASH_BYTES,
                iterations=self._profile.iterations,
                lanes=self._profile.lanes,
                memory_cost=self._profile.memory_cost,
            ).derive_phc_encoded(_prepared(password))

    def verify(self, password: str, password_hash: str | None) -> bool:
        """Whether `password` belongs to the hash. `None` (no such user) costs the same and is never right.

        Raises `StoreUnavailableError`.
        """
        prepared, profile = _prepared(password), _profile(password_hash or "")
        with _alone():
            right = password_hash is not None and _matches(prepared, password_hash)
            for other in self._in_use - {profile}:
                _matches(prepared, _decoy(other))
            if profile is not None:
                self._in_use |= {profile}
            return right

    def needs_rehash(self, password_hash: str) -> bool:
        """Whether the hash was made with other parameters than today's."""
        return _profile(password_hash) != self._profile


# Argon2id with several lanes takes its threads from one pool that OpenSSL keeps for the whole process: two
# derivations at a time hang, or find no memory, and leave the pool spent.
_derivation = Lock()


@contextmanager
def _alone() -> Iterator[None]:
    try:
        with deadline.turn(_derivation):
            yield
    except (TimeoutError, MemoryError) as error:
        raise StoreUnavailableError(detail=f"password derivation: {type(error).__name__}") from None


def _matches(prepared: bytes, password_hash: str) -> bool:
    try:
        Argon2id.verify_phc_encoded(prepared, password_hash)
    except (InvalidKey, ValueError):  # another password's, or no hash that can be read
        return False
    return True


def _profile(password_hash: str) -> Profile | None:
    found = _PHC_PROFILE.match(password_hash)
    if found is None:
        return None
    memory_cost, iterations, lanes = map(int, found.groups())
    return Profile(iterations, lanes, memory_cost)


def _decoy(profile: Profile) -> str:
    # The hash of no password that anyone knows, made without a derivation. To check it costs what any other does.
    salt, nothing = "A" * 22, "A" * 43  # 16 and 32 bytes of zero, in base64
    return f"$argon2id$v=19$m={profile.memory_cost},t={profile.iterations},p={profile.lanes}${salt}${nothing}"


def check_new_password(password: str, *personal: str) -> None:
    """Refuses a password that is too short, too long, common, or one of the `personal` words.

    No rules about which characters (NIST SP 800-63B §3.1.1.2). Raises `InvalidRequestError`.
    """
    if too_long(password) or _length(password) < MIN_LENGTH:
        raise InvalidRequestError(f"The password must be {MIN_LENGTH} to {MAX_LENGTH} characters long.")
    plain = password.casefold()
    if plain in common_passwords() or len(set(plain)) == 1 or plain in {word.casefold() for word in personal}:
        raise InvalidRequestError("This password is too easily guessed.")


def too_long(password: str) -> bool:
    """Whether a password has more characters than any account's, however it was typed."""
    return len(password) > _LONGEST_AS_TYPED or _length(password) > MAX_LENGTH


def _length(password: str) -> int:
    return len(unicodedata.normalize("NFC", password))


@cache
def common_passwords() -> frozenset[str]:
    """The passwords of at least 12 characters that guessing starts with, case-folded."""
    return frozenset(Path(__file__).with_name("common_passwords.txt").read_text("utf-8").split())


def _prepared(password: str) -> bytes:
    spaced = "".join(" " if unicodedata.category(c) == "Zs" else c for c in password)
    return unicodedata.normalize("NFC", spaced).encode("utf-8", "surrogatepass")
