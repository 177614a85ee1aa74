"""The rotation on the emulated DynamoDB and KMS: in two places at once, and cut short."""

from dataclasses import replace
from threading import Barrier, Thread

import pytest

from chalicelib.errors import StoreUnavailableError
from chalicelib.keys.ring import KeyEntry, Purpose
from chalicelib.keys.rotation import KeyRotation, RingStore
from chalicelib.services import Services
from tests.keys.expected import HOUR, PERIOD, PURPOSES, newest, plan, ring_of
from tests.keys.memory import Dying, Late
from tests.keys.world import BEGIN, Step, World, is_forced, loses_a_key, runs, runs_with_another_algorithm, signing


def moto_rotation(services: Services, store: RingStore | None = None) -> KeyRotation:
    return replace(services.rotation, store=store or services.key_store)


def serials(services: Services, purpose: Purpose) -> list[int]:
    return [serial for kept, _, serial, _, _ in plan(services.key_store) if kept is purpose]


def test_two_places_that_read_before_either_wrote_add_one_key(services: Services, empty_ring: None) -> None:
    for now, added in ((BEGIN, 2), (BEGIN + PERIOD, 1)):
        first, second = (moto_rotation(services, Late(services.key_store)) for _ in range(2))
        assert len(first.run(now)) == added * len(PURPOSES)
        assert second.run(now) == []
    assert [serials(services, purpose) for purpose in PURPOSES] == [[1, 2, 3]] * len(PURPOSES)


def test_threads_at_the_same_time_add_each_key_once(services: Services, empty_ring: None) -> None:
    together = Barrier(4)

    def run() -> None:
        store = Late(services.key_store)
        together.wait()
        moto_rotation(services, store).run(BEGIN)

    threads = [Thread(target=run) for _ in range(together.parties)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [serials(services, purpose) for purpose in PURPOSES] == [[1, 2]] * len(PURPOSES)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("write", range(4))
def test_a_run_that_dies_leaves_whole_keys_in_the_table(
    services: Services, empty_ring: None, write: int, after: bool
) -> None:
    with pytest.raises(StoreUnavailableError):
        moto_rotation(services, Dying(services.key_store, write, after=after)).run(BEGIN)
    for entry in services.key_store.load():
        assert services.key_store.unseal(entry)
    moto_rotation(services).run(BEGIN)
    assert plan(services.key_store) == [
        (purpose, alg, serial, BEGIN, begins)
        for purpose, alg in ((Purpose.ACCESS_TOKEN, "ES256"), (Purpose.REFRESH_TOKEN, "HS256"))
        for serial, begins in ((1, BEGIN), (2, BEGIN + PERIOD))
    ]


def test_a_revocation_and_a_run_at_the_same_time_both_take(services: Services, ring: None) -> None:
    late = moto_rotation(services, Late(services.key_store))
    now = BEGIN + PERIOD
    moto_rotation(services).run(now)  # takes the number that the late one has in mind
    second = ring_of(services.key_store)[1]
    third = newest(services.key_store)
    assert late.revoke(second.kid, now) == third.kid
    assert signing(services.rotation.ring(), Purpose.ACCESS_TOKEN, now) == [newest_begun(services, third.kid)]
    assert serials(services, Purpose.ACCESS_TOKEN) == [1, 2, 3, 4]


def newest_begun(services: Services, kid: str) -> KeyEntry:
    return next(entry for entry in services.key_store.load() if entry.kid == kid)


def test_what_memory_and_the_table_make_of_it_is_the_same(services: Services, empty_ring: None) -> None:
    world = World(services.settings)
    ways = [
        *(
            (0, runs),
            (PERIOD, runs),
            (HOUR, is_forced),
            (PERIOD, loses_a_key),
            (HOUR, runs_with_another_algorithm),
        ),
        *((60, loses_a_key), (PERIOD, runs)),
    ]
    steps = [Step(wait, way, number=3) for wait, way in ways]
    for step in steps:
        world.happen(step)
    emulated = World(services.settings, store=services.key_store)
    for step in steps:
        emulated.happen(step)
    assert plan(emulated.store) == plan(world.store)
