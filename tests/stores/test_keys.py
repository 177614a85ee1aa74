"""The key ring in DynamoDB and KMS: sealed before it is written, and opened only as what it was sealed as."""

import json
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.errors import StoreUnavailableError
from chalicelib.keys.material import NewKey, new_hmac_key, new_signing_key
from chalicelib.keys.ring import KeyEntry, Purpose
from chalicelib.keys.rotation import KeySchedule, Succession
from chalicelib.services import Services
from chalicelib.stores.dynamodb import Table
from chalicelib.stores.keys import KeyRingStore, Sealer
from infra import template
from tests.conftest import connect
from tests.support.aws_calls import recorded
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
    kms: Any = connect("kms")
    return lambda stage: KeyRingStore(table, Sealer(kms, kms_key, stage), services.revocations)


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


def test_a_number_is_taken_once_for_each_purpose_and_algorithm(store: KeyRingStore) -> None:
    added(store, HMAC, 1)
    added(store, SIGNING, 1)
    other = added(store, new_signing_key("EdDSA"), 1)
    slot = KeySchedule(serial=1, published_at=30, signs_from=40)
    assert not store.add(new_signing_key(), slot)
    assert {entry.kid for entry in store.load()} == {HMAC.kid, SIGNING.kid, other.kid}


def test_a_race_for_a_number_has_one_winner(store: KeyRingStore) -> None:
    slot = KeySchedule(serial=1, published_at=30, signs_from=40)
    keys = [new_signing_key() for _ in range(16)]
    with ThreadPoolExecutor(16) as pool:
        taken = list(pool.map(lambda key: store.add(key, slot), keys))
    assert taken.count(True) == 1
    assert [entry.kid for entry in store.load()] == [keys[taken.index(True)].kid]


def times(store: KeyRingStore) -> dict[str, tuple[int, int | None, int | None]]:
    return {entry.kid: (entry.signs_from, entry.signs_until, entry.revoked_at) for entry in store.load()}


@pytest.fixture
def succession(store: KeyRingStore) -> Succession:
    """The standby and the next key after `SIGNING`, which has number 0."""
    standby = added(store, new_signing_key(), 1)
    return Succession(standby, 5, (new_signing_key(), KeySchedule(serial=2, published_at=50, signs_from=90)))


def after(succession: Succession) -> dict[str, tuple[int, int | None, int | None]]:
    """The `times` of what comes with an end."""
    assert succession.standby
    assert succession.next_key
    return {succession.standby.kid: (5, None, None), succession.next_key[0].kid: (90, None, None)}


def test_a_key_is_revoked_once_with_its_succession_and_its_news(
    store: KeyRingStore, services: Services, succession: Succession
) -> None:
    entry = added(store, SIGNING)
    assert store.revoke(entry, 50, succession)
    assert times(store) == {entry.kid: (20, None, 50), **after(succession)}
    assert [told.subject for told in entries(services, 40, 60)] == [entry.kid]
    assert not store.revoke(entry, 60, Succession())


def test_a_key_gets_an_end_with_its_succession_and_no_news(
    store: KeyRingStore, services: Services, succession: Succession
) -> None:
    entry = added(store, SIGNING)
    assert store.retire(entry, 70, succession)
    assert times(store) == {entry.kid: (20, 70, None), **after(succession)}
    assert entries(services, 40, 60) == []


def test_an_end_is_only_ever_put_off(store: KeyRingStore) -> None:
    entry = added(store, SIGNING)
    ends = [store.retire(entry, until, Succession()) for until in (70, 70, 60, 80)]
    assert ends == [True, False, False, True]
    assert times(store)[entry.kid] == (20, 80, None)


CHANGED: dict[str, Callable[[KeyRingStore, KeyEntry], object]] = {
    "the number is taken": lambda store, _: added(store, new_signing_key(), 2),
    "the standby was promoted": lambda store, standby: store.retire(
        added(store, new_signing_key(), 9), 70, Succession(standby, 15)
    ),
    "the standby was revoked": lambda store, standby: store.revoke(standby, 10, Succession()),
}


@pytest.mark.parametrize("changed", CHANGED.values(), ids=CHANGED)
@pytest.mark.parametrize("way", ["revoke", "retire"])
def test_where_the_ring_has_changed_nothing_is_written(
    store: KeyRingStore,
    services: Services,
    succession: Succession,
    changed: Callable[[KeyRingStore, KeyEntry], object],
    way: str,
) -> None:
    entry = added(store, SIGNING)
    assert succession.standby
    changed(store, succession.standby)
    before = times(store), entries(services, 40, 60)
    assert not getattr(store, way)(entry, 50, succession)
    assert (times(store), entries(services, 40, 60)) == before


# --- The stored form: who changes it needs a migration


def stored(table: Table) -> dict[str, Any]:
    (item,) = table.client.scan(TableName=table.name)["Items"]
    return {name: value if name != "sealed" else "…" for name, value in item.items()}


def test_the_item_of_a_signing_key(store: KeyRingStore, table: Table) -> None:
    entry = added(store, SIGNING, 7)
    assert SIGNING.public_jwk
    golden = {
        "ring": {"S": "gatehouse"},
        "slot": {"S": "access_token ES256 0000000007"},
        "kid": {"S": SIGNING.kid},
        "purpose": {"S": "access_token"},
        "alg": {"S": "ES256"},
        "serial": {"N": "7"},
        "published_at": {"N": "10"},
        "signs_from": {"N": "20"},
        "sealed": "…",
        "public_jwk": {"S": json.dumps(dict(SIGNING.public_jwk))},
    }
    assert stored(table) == golden
    assert store.retire(entry, 30, Succession())
    assert store.revoke(entry, 25, Succession())
    assert stored(table) == {**golden, "signs_until": {"N": "30"}, "revoked_at": {"N": "25"}}


def test_the_item_of_an_hmac_key(store: KeyRingStore, table: Table) -> None:
    added(store, HMAC, 3)
    assert stored(table) == {
        "ring": {"S": "gatehouse"},
        "slot": {"S": "refresh_token HS256 0000000003"},
        "kid": {"S": "00000001"},
        "purpose": {"S": "refresh_token"},
        "alg": {"S": "HS256"},
        "serial": {"N": "3"},
        "published_at": {"N": "10"},
        "signs_from": {"N": "20"},
        "sealed": "…",
    }


def test_the_encryption_context(ring: Callable[[str], KeyRingStore]) -> None:
    with recorded() as calls:
        entry = added(ring("prod"), HMAC)
        ring("prod").unseal(entry)
    contexts = [call.parameters["EncryptionContext"] for call in calls if "EncryptionContext" in call.parameters]
    assert contexts == [{"stage": "prod", "purpose": "refresh_token", "kid": "00000001"}] * 2


def test_what_is_removed_is_gone(store: KeyRingStore) -> None:
    store.remove(added(store, SIGNING))
    assert list(store.load()) == []
