"""The key ring: which keys sign, which only verify, and the JWK Set (RFC 7517) that the world sees.

There is one ring for each purpose and algorithm. An entry stores when it was published, when it begins to
sign and, where it doesn't end with the next one's beginning, when it ends. All else follows from `now` and
from the entries beside it, so that a container that slept needs no news:

    pending    published, not yet signing: the standby, which every verifier has by the time it signs
    active     signing: the newest entry whose `signs_from` has come
    retired    it signs no more; what it signed may still be alive
    gone       nothing that it signed can be alive
    revoked    stopped by hand, at once and for ever
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Purpose(StrEnum):
    """What a key is for. No key is ever used for two purposes."""

    ACCESS_TOKEN = "access_token"  # noqa: S105
    REFRESH_TOKEN = "refresh_token"  # noqa: S105
    ID_TOKEN = "id_token"  # noqa: S105


class Role(StrEnum):
    """What a key does at one time."""

    PENDING = "pending"
    ACTIVE = "active"
    RETIRED = "retired"
    GONE = "gone"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class KeyEntry:
    """One key as the ring's table holds it; `sealed` is the private half, encrypted by KMS.

    `public_jwk` is the public half of a signing key, ready for the JWK Set; `None` for an HMAC key. `serial`
    counts the keys of one purpose and algorithm: there is one key for each number. `signs_until` is `None`
    where the next key's `signs_from` ends this one. Times are NumericDates.
    """

    kid: str
    purpose: Purpose
    alg: str
    sealed: bytes = field(repr=False)
    published_at: int
    signs_from: int
    public_jwk: Mapping[str, str] | None = None
    serial: int = 0
    revoked_at: int | None = None
    signs_until: int | None = None


@dataclass(frozen=True, slots=True)
class KeyRing:
    """All entries at one time. `token_lifetimes` says for each purpose how many seconds its products may live."""

    entries: tuple[KeyEntry, ...]
    token_lifetimes: Mapping[Purpose, int]

    def of(self, purpose: Purpose, alg: str) -> list[KeyEntry]:
        """The entries of `purpose` and `alg` that were not revoked, in the order in which they sign."""
        mine = (entry for entry in self.trusted(purpose) if entry.alg == alg)
        return sorted(mine, key=lambda entry: (entry.signs_from, entry.serial))

    def trusted(self, purpose: Purpose) -> list[KeyEntry]:
        """The entries of `purpose`, of every algorithm, that were not revoked."""
        return [entry for entry in self.entries if entry.purpose is purpose and entry.revoked_at is None]

    def active(self, purpose: Purpose, alg: str, now: int) -> KeyEntry | None:
        """The active entry of `purpose` and `alg`."""
        signing = [
            entry
            for entry in self.of(purpose, alg)
            if entry.signs_from <= now and ((until := self.signed_until(entry)) is None or now < until)
        ]
        return signing[-1] if signing else None

    def signer(self, purpose: Purpose, alg: str, now: int) -> KeyEntry | None:
        """The entry that signs for `purpose`: that of `alg`; while there is none yet, that of another algorithm.

        So the algorithm before goes on signing until a key of the new one has been published for long enough.
        """
        algs = {entry.alg for entry in self.trusted(purpose)}
        signing = [active for each in algs if (active := self.active(purpose, each, now))]
        return max(signing, key=lambda entry: (entry.alg == alg, entry.signs_from, entry.kid), default=None)

    def signed_until(self, entry: KeyEntry) -> int | None:
        """When `entry` signs for the last time; `None` while it has no end and no successor.

        A successor that was revoked after it had begun is one all the same: nothing that ended comes back.
        """
        if entry.signs_until is not None:
            return entry.signs_until
        begun = entry.signs_from, entry.serial
        ring = (other for other in self.entries if (other.purpose, other.alg) == (entry.purpose, entry.alg))
        later = (other for other in ring if (other.signs_from, other.serial) > begun and _ever_signs(other))
        return min((other.signs_from for other in later), default=None)

    def gone_at(self, entry: KeyEntry) -> int | None:
        """When nothing that `entry` signed can be alive any more; `None` while that is not known."""
        until = self.signed_until(entry)
        return None if until is None else until + self.token_lifetimes[entry.purpose]

    def role(self, entry: KeyEntry, now: int) -> Role:
        """What `entry` does now."""
        if entry.revoked_at is not None:
            return Role.REVOKED
        gone_at = self.gone_at(entry)
        if gone_at is not None and gone_at <= now:
            return Role.GONE
        if entry == self.active(entry.purpose, entry.alg, now):
            return Role.ACTIVE
        ended = entry.signs_until is not None and entry.signs_until <= now
        return Role.PENDING if now < entry.signs_from and not ended else Role.RETIRED

    def usable(self, purpose: Purpose, now: int) -> tuple[KeyEntry, ...]:
        """Every entry of `purpose` by which something alive may have been signed, or soon will be."""
        usable = (entry for entry in self.trusted(purpose) if self.role(entry, now) is not Role.GONE)
        return tuple(sorted(usable, key=lambda entry: (entry.signs_from, entry.serial, entry.kid)))

    def jwk_set(self, now: int) -> dict[str, list[dict[str, str]]]:
        """The JWK Set document (RFC 7517 §5). It may be empty, which is no document to serve."""
        usable = [entry for purpose in Purpose for entry in self.usable(purpose, now)]
        return {"keys": [dict(entry.public_jwk) for entry in usable if entry.public_jwk is not None]}


def _ever_signs(entry: KeyEntry) -> bool:
    ends = [end for end in (entry.signs_until, entry.revoked_at) if end is not None]
    return not ends or entry.signs_from < min(ends)
