"""The key ring in DynamoDB and KMS: sealed before it is written, and opened only as what it was sealed as."""

import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from chalicelib.errors import StoreUnavailableError
from chalicelib.keys.material import NewKey, new_hmac_key, new_signing_key
from chalicelib.keys.ring import KeyEntry, Purpose
from chalicelib.keys.rotation import KeySchedule
from chalicelib.services import Services
from chalicelib.stores import aws
from chalicelib.stores.dynamodb import Table
from chalicelib.stores.keys import KeyRingStore, Sealer
from infra import template
from tests.conftest import connect
from tests.support.revocations import entries

SIGNING = new_signing_key()
HMAC = new_hmac_key(b"\0\0\0\1", b"\xffsecret-of-32-octets-to-look-for")


@pytest.fixture
def table() -> Table:
    """A ring of this test's own: that of the services signs for everyone."""
    properties = template.emulated()["Resources"]["Keys"]["Properties"]
    description = {name: properties[name] for name in ("AttributeDefinitions", "KeySchema", "BillingMode")}
    table = Table(connect("dynamodb"), f"Keys-{secrets.token_hex(4)}")
    table.client.create_table(TableName=table.name, **description)
    return table


@pytest.fixture
def ring(services: Services, table: Table) -> Callable[[str], KeyRingStore]:
    """The store of a stage."""
    kms_key = services.settings.kms_key
    return lambda stage: KeyRingStore(table, Sealer(aws.connect("kms"), kms_key, stage), services.revocations)


@pytest.fixture
def store(ring: Callable[[str], KeyRingStore]) -> KeyRingStore:
    return ring("prod")


def added(store: KeyRingStore, key: NewKey, serial: int = 0) -> KeyEntry:
    assert store.add(key, KeySchedule(serial=serial, published_at=10, signs_from=20))
    return next(entry for entry in store.load() if entry.kid == key.kid)


@pytest.mark.parametrize("key", [SIGNING, HMAC], ids=["signing", "hmac"])
def test_what_is_added_comes_back_and_opens(store: KeyRingStore, key: NewKey) -> None:
    entry = added(store, key)
    assert (entry.kid, entry.purpose, entry.alg) == (key.kid, key.purpose, key.alg)
    assert (entry.published_at, entry.signs_from, entry.serial, entry.revoked_at) == (10, 20, 0, None)
    assert entry.public_jwk == key.public_jwk
    assert store.unseal(entry) == key.secret


def test_an_empty_ring_is_empty(store: KeyRingStore) -> None:
    assert list(store.load()) == []


@pytest.mark.parametrize("key", [SIGNING, HMAC], ids=["signing", "hmac"])
def test_no_secret_is_in_the_table(store: KeyRingStore, table: Table, key: NewKey) -> None:
    entry = added(store, key)
    assert key.secret not in entry.sealed
    assert repr(key.secret)[2:-1] not in repr(table.client.scan(TableName=table.name)["Items"])


MOVED: dict[str, Callable[[KeyEntry], KeyEntry]] = {
    "kid": lambda entry: replace(entry, kid="00000002"),
    "purpose": lambda entry: replace(entry, purpose=Purpose.ACCESS_TOKEN),
    "one bit": lambda entry: replace(entry, sealed=entry.sealed[:-1] + bytes([entry.sealed[-1] ^ 1])),
    "cut": lambda entry: replace(entry, sealed=entry.sealed[:-1]),
    "plain": lambda entry: replace(entry, sealed=HMAC.secret),
}


@pytest.mark.parametrize("moved", MOVED.values(), ids=MOVED)
def test_a_sealed_secret_opens_only_as_what_it_was_sealed_as(
    store: KeyRingStore, moved: Callable[[KeyEntry], KeyEntry]
) -> None:
    entry = added(store, HMAC)
    with pytest.raises(StoreUnavailableError):
        store.unseal(moved(entry))


def test_a_sealed_secret_opens_in_its_stage_alone(ring: Callable[[str], KeyRingStore]) -> None:
    entry = added(ring("prod"), HMAC)
    with pytest.raises(StoreUnavailableError):
        ring("dev").unseal(entry)


def test_a_number_is_taken_once_for_each_purpose(store: KeyRingStore) -> None:
    added(store, HMAC, 1)
    added(store, SIGNING, 1)
    slot = KeySchedule(serial=1, published_at=30, signs_from=40)
    assert not store.add(new_signing_key(), slot)
    assert {entry.kid for entry in store.load()} == {HMAC.kid, SIGNING.kid}


def test_a_race_for_a_number_has_one_winner(store: KeyRingStore) -> None:
    slot = KeySchedule(serial=1, published_at=30, signs_from=40)
    keys = [new_signing_key() for _ in range(16)]
    with ThreadPoolExecutor(16) as pool:
        taken = list(pool.map(lambda key: store.add(key, slot), keys))
    assert taken.count(True) == 1
    assert [entry.kid for entry in store.load()] == [keys[taken.index(True)].kid]


def test_a_key_is_revoked_once_with_its_replacement_and_its_news(store: KeyRingStore, services: Services) -> None:
    entry, next_key = added(store, SIGNING), new_signing_key()
    replacement = (next_key, KeySchedule(serial=1, published_at=50, signs_from=50))
    assert store.revoke(entry, 50, replacement)
    assert {found.kid: found.revoked_at for found in store.load()} == {entry.kid: 50, next_key.kid: None}
    assert [told.subject for told in entries(services, 40, 60)] == [entry.kid]
    assert not store.revoke(entry, 60, None)


def test_a_revocation_without_a_place_for_its_replacement_changes_nothing(
    store: KeyRingStore, services: Services
) -> None:
    entry, other = added(store, SIGNING), added(store, new_signing_key(), 1)
    assert not store.revoke(entry, 50, (new_signing_key(), KeySchedule(serial=1, published_at=50, signs_from=50)))
    assert {found.kid: found.revoked_at for found in store.load()} == {entry.kid: None, other.kid: None}
    assert entries(services, 40, 60) == []


def test_what_is_removed_is_gone(store: KeyRingStore) -> None:
    store.remove(added(store, SIGNING))
    assert list(store.load()) == []
