"""The key ring: which keys sign, which only verify, and the JWK Set (RFC 7517) that the world sees.

An entry stores two times, `published_at` and `signs_from`. All else follows from `now` and from the entries
beside it, so that a container that slept needs no news:

    pending    published, not yet signing: longer than anyone may cache the JWK Set
    active     signing: the newest entry whose `signs_from` has come
    retired    a newer one signs; what this one signed may still be alive
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
    counts the keys of a purpose: there is one key for each number.
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


@dataclass(frozen=True, slots=True)
class KeyRing:
    """All entries at one time. `token_lifetimes` says for each purpose how many seconds its products may live."""

    entries: tuple[KeyEntry, ...]
    token_lifetimes: Mapping[Purpose, int]

    def of(self, purpose: Purpose) -> list[KeyEntry]:
        """The entries of `purpose` that were not revoked, in the order in which they sign."""
        mine = (entry for entry in self.entries if entry.purpose is purpose and entry.revoked_at is None)
        return sorted(mine, key=lambda entry: (entry.signs_from, entry.serial))

    def active(self, purpose: Purpose, now: int) -> KeyEntry | None:
        """The entry that signs for `purpose` now."""
        begun = [entry for entry in self.of(purpose) if entry.signs_from <= now]
        return begun[-1] if begun else None

    def gone_at(self, entry: KeyEntry) -> int | None:
        """When nothing that `entry` signed can be alive any more; `None` while it has no successor."""
        order = self.of(entry.purpose)
        later = order[order.index(entry) + 1 :]
        return later[0].signs_from + self.token_lifetimes[entry.purpose] if later else None

    def role(self, entry: KeyEntry, now: int) -> Role:
        """What `entry` does now."""
        if entry.revoked_at is not None:
            return Role.REVOKED
        if now < entry.signs_from:
            return Role.PENDING
        if entry == self.active(entry.purpose, now):
            return Role.ACTIVE
        gone_at = self.gone_at(entry)
        return Role.GONE if gone_at is not None and gone_at <= now else Role.RETIRED

    def usable(self, purpose: Purpose, now: int) -> tuple[KeyEntry, ...]:
        """Every entry of `purpose` by which something alive may have been signed, or soon will be."""
        return tuple(entry for entry in self.of(purpose) if self.role(entry, now) is not Role.GONE)

    def jwk_set(self, now: int) -> dict[str, list[dict[str, str]]]:
        """The JWK Set document (RFC 7517 §5)."""
        usable = self.usable(Purpose.ACCESS_TOKEN, now)
        return {"keys": [dict(entry.public_jwk) for entry in usable if entry.public_jwk is not None]}
