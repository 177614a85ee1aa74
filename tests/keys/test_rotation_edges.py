"""What a rotation does at its edges: numbers, ends, and who is nobody's successor."""

from dataclasses import replace

from chalicelib.keys.material import NewKey
from chalicelib.keys.ring import KeyEntry, KeyRing, Purpose
from chalicelib.keys.rotation import KEPT_WHEN_GONE, KeySchedule, next_serial
from chalicelib.keys.timing import token_lifetimes
from tests.keys.expected import DEFAULTS, HOUR, LEAD, newest, oldest, ring_of, rotation
from tests.keys.memory import MemoryRing, slot_of
from tests.keys.world import BEGIN

AT = BEGIN + HOUR


def test_each_purpose_and_algorithm_counts_its_own_keys() -> None:
    def entry(purpose: Purpose, alg: str, serial: int) -> KeyEntry:
        return KeyEntry(f"{purpose} {alg}", purpose, alg, b"", 0, 0, serial=serial)

    entries = entry(Purpose.ACCESS_TOKEN, "ES256", 5), entry(Purpose.ID_TOKEN, "RS256", 7)
    ring = KeyRing((*entries, entry(Purpose.ACCESS_TOKEN, "RS256", 2)), {})
    rings = (Purpose.ACCESS_TOKEN, "ES256"), (Purpose.ACCESS_TOKEN, "RS256"), (Purpose.ID_TOKEN, "RS256")
    assert [next_serial(ring, *each) for each in rings] == [6, 3, 8]
    assert next_serial(ring, Purpose.ID_TOKEN, "ES256") == 1


class Full(MemoryRing):
    """Somebody else has every number first."""

    def add(self, key: NewKey, schedule: KeySchedule) -> bool:  # noqa: ARG002
        return False


def test_no_key_is_ended_that_has_no_successor(store: MemoryRing) -> None:
    alone = oldest(store)
    full = Full({slot_of(alone): alone})
    assert rotation(full).force(Purpose.ACCESS_TOKEN, AT) == []
    assert full.load() == [alone]


def test_replacing_all_names_what_it_revoked_and_not_what_was_revoked_before(store: MemoryRing) -> None:
    first = oldest(store).kid
    rotation(store).revoke(first, AT)
    there = {entry.kid for entry in store.load()} - {first}
    assert set(rotation(store).replace_all(AT + 1)) == there
    assert store.revoked.count(first) == 1


def test_an_algorithm_that_is_named_no_more_signs_for_containers_whose_settings_are_older(
    store: MemoryRing,
) -> None:
    """Though the one that is named signs already, and whatever keys of other purposes do."""
    before = newest(store)
    changed = DEFAULTS._replace(signing_alg="EdDSA")
    rotation(store, changed).run(BEGIN)
    for entry in store.load():
        begin = AT + 50 * LEAD if entry.purpose is Purpose.REFRESH_TOKEN else BEGIN
        store.entries[slot_of(entry)] = replace(entry, signs_from=begin, signs_until=None)
    rotation(store, changed).run(AT)
    (ended,) = (entry for entry in store.load() if entry.kid == before.kid)
    assert ended.signs_until == AT + LEAD


def test_the_newest_key_of_a_ring_in_use_stays_until_another_has_the_next_number(store: MemoryRing) -> None:
    for entry in ring_of(store):
        store.remove(entry)
    alone = replace(newest(store, Purpose.REFRESH_TOKEN), serial=7, revoked_at=BEGIN)
    store.entries = {slot_of(alone): alone}
    gone = BEGIN + token_lifetimes(DEFAULTS)[Purpose.REFRESH_TOKEN] + KEPT_WHEN_GONE
    rotation(store).run(gone)
    assert alone in store.load()
    assert {entry.serial for entry in ring_of(store, Purpose.REFRESH_TOKEN)} == {7, 8, 9}
    rotation(store).run(gone)
    assert alone not in store.load()
