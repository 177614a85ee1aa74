"""The key ring's table, and KMS, which seals and unseals the private halves."""

import json
from collections.abc import Iterator
from types import MappingProxyType
from typing import TYPE_CHECKING

from chalicelib.keys.material import NewKey
from chalicelib.keys.ring import KeyEntry, Purpose
from chalicelib.keys.rotation import KeySchedule, Succession
from chalicelib.stores.aws import available
from chalicelib.stores.dynamodb import ConditionFailedError, Item, Range, Table
from chalicelib.stores.revocations import RevocationStore
from chalicelib.stores.transactions import Put, TransactionRefusedError, Update, transact
from chalicelib.tokens.revocations import Kind

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient

# All entries stand in one partition, so that all rings are one consistent read.
_RING = "gatehouse"

_FREE = "attribute_not_exists(slot)"
_TRUSTED = "kid = :kid AND attribute_not_exists(revoked_at)"


class Sealer:
    """Seals secrets by one KMS key. The encryption context ties each to its stage, purpose and key id."""

    def __init__(self, client: "KMSClient", kms_key: str, stage: str) -> None:
        self._client = client
        self._kms_key = kms_key
        self._stage = stage

    def seal(self, key: NewKey) -> bytes:
        """The secret of `key`, encrypted. Raises `StoreUnavailableError`."""
        context = self._context(key.purpose, key.kid)
        with available():
            answer = self._client.encrypt(KeyId=self._kms_key, Plaintext=key.secret, EncryptionContext=context)
        return answer["CiphertextBlob"]

    def unseal(self, entry: KeyEntry) -> bytes:
        """The secret of `entry`. Raises `StoreUnavailableError`."""
        context = self._context(entry.purpose, entry.kid)
        with available():
            answer = self._client.decrypt(
                KeyId=self._kms_key, CiphertextBlob=entry.sealed, EncryptionContext=context
            )
        return answer["Plaintext"]

    def _context(self, purpose: Purpose, kid: str) -> dict[str, str]:
        return {"stage": self._stage, "purpose": purpose.value, "kid": kid}


class KeyRingStore:
    """The table of the ring. Every method raises `StoreUnavailableError`."""

    def __init__(self, table: Table, sealer: Sealer, revocations: RevocationStore) -> None:
        self._table = table
        self._sealer = sealer
        self._revocations = revocations

    def load(self) -> Iterator[KeyEntry]:
        """Every entry of the ring."""
        return (_entry(item) for item in self._table.query(Range("ring", _RING)))

    def unseal(self, entry: KeyEntry) -> bytes:
        """The private half of `entry`."""
        return self._sealer.unseal(entry)

    def add(self, key: NewKey, schedule: KeySchedule) -> bool:
        """Seals `key` and publishes it, unless its number is taken. Returns whether it was not."""
        try:
            self._table.put(self._item(key, schedule), _FREE)
        except ConditionFailedError:
            return False
        return True

    def retire(self, entry: KeyEntry, signs_until: int, succession: Succession) -> bool:
        """Gives `entry` an end, or a later one, with its succession: all or nothing.

        Returns False where the ring is no longer as it was read.
        """
        condition = f"{_TRUSTED} AND attribute_not_exists(signs_until) OR {_TRUSTED} AND signs_until < :until"
        update = self._update(entry, "SET signs_until = :until", {":until": signs_until}, condition)
        try:
            transact(update, *self._succession(succession))
        except TransactionRefusedError:
            return False
        return True

    def revoke(self, entry: KeyEntry, now: int, succession: Succession) -> bool:
        """Stops `entry`, with its succession, and tells the revocation feed: all or nothing.

        Returns False where the ring is no longer as it was read.
        """
        update = self._update(entry, "SET revoked_at = :now", {":now": now})
        news = self._revocations.entry(Kind.KEY, entry.kid, now)
        try:
            self._revocations.transact(news, update, *self._succession(succession))
        except TransactionRefusedError:
            return False
        return True

    def remove(self, entry: KeyEntry) -> None:
        """Removes `entry`, its private half with it."""
        self._table.delete(_key(entry.purpose, entry.alg, entry.serial))

    def _succession(self, succession: Succession) -> list[Put | Update]:
        writes: list[Put | Update] = []
        if (standby := succession.standby) is not None:
            values = {":from": succession.signs_from, ":was": standby.signs_from}
            condition = f"{_TRUSTED} AND signs_from = :was"
            writes.append(self._update(standby, "SET signs_from = :from", values, condition))
        if succession.next_key is not None:
            writes.append(Put(self._table, self._item(*succession.next_key), _FREE))
        return writes

    def _update(self, entry: KeyEntry, change: str, values: Item, condition: str = _TRUSTED) -> Update:
        key = _key(entry.purpose, entry.alg, entry.serial)
        return Update(self._table, key, change, {":kid": entry.kid, **values}, condition)

    def _item(self, key: NewKey, schedule: KeySchedule) -> Item:
        return {
            **_key(key.purpose, key.alg, schedule.serial),
            "kid": key.kid,
            "purpose": key.purpose.value,
            "serial": schedule.serial,
            "alg": key.alg,
            "sealed": self._sealer.seal(key),
            "published_at": schedule.published_at,
            "signs_from": schedule.signs_from,
            "public_jwk": json.dumps(dict(key.public_jwk)) if key.public_jwk else None,
        }


def _key(purpose: Purpose, alg: str, serial: int) -> Item:
    return {"ring": _RING, "slot": f"{purpose.value} {alg} {serial:010d}"}


def _entry(item: Item) -> KeyEntry:
    public_jwk = item.get("public_jwk")
    return KeyEntry(
        kid=item["kid"],
        purpose=Purpose(item["purpose"]),
        alg=item["alg"],
        sealed=item["sealed"],
        published_at=item["published_at"],
        signs_from=item["signs_from"],
        public_jwk=MappingProxyType(json.loads(public_jwk)) if public_jwk else None,
        serial=item["serial"],
        revoked_at=item.get("revoked_at"),
        signs_until=item.get("signs_until"),
    )
