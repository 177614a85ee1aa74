"""The key ring's table, and KMS, which seals and unseals the private halves."""

import json
from collections.abc import Iterator
from types import MappingProxyType
from typing import TYPE_CHECKING

from chalicelib.keys import KeyEntry, NewKey, Purpose
from chalicelib.stores.aws import available
from chalicelib.stores.dynamodb import Item, Range, Table

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient

# All entries stand in one partition, so that the ring is one consistent read.
_RING = "gatehouse"


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

    def __init__(self, table: Table, sealer: Sealer) -> None:
        self._table = table
        self._sealer = sealer

    def load(self) -> Iterator[KeyEntry]:
        """Every entry of the ring."""
        return (_entry(item) for item in self._table.query(Range("ring", _RING)))

    def unseal(self, entry: KeyEntry) -> bytes:
        """The private half of `entry`."""
        return self._sealer.unseal(entry)

    def add(self, key: NewKey, published_at: int, signs_from: int) -> None:
        """Seals `key` and publishes it."""
        self._table.put(
            {
                "ring": _RING,
                "kid": key.kid,
                "purpose": key.purpose.value,
                "alg": key.alg,
                "sealed": self._sealer.seal(key),
                "published_at": published_at,
                "signs_from": signs_from,
                "public_jwk": json.dumps(dict(key.public_jwk)) if key.public_jwk else None,
            },
            condition="attribute_not_exists(kid)",
        )


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
    )
