"""The rotation on the emulated DynamoDB and KMS: in two places at once, and cut short."""

from dataclasses import replace
from threading import Barrier, Thread

import pytest

from chalicelib.errors import StoreUnavailableError
from chalicelib.keys.ring import Purpose
from chalicelib.keys.rotation import Rotation, Store
from chalicelib.services import Services
from tests.keys.expected import HOUR, LEAD, PERIOD, plan
from tests.keys.memory import Dying, Late
from tests.keys.world import BEGIN, Step, World, is_forced, loses_a_key, runs, signing


def moto_rotation(services: Services, store: Store | None = None) -> Rotation:
    return replace(services.rotation, store=store or services.key_store)


def test_two_places_that_read_before_either_wrote_add_one_key(services: Services, empty_ring: None) -> None:
    for now in (BEGIN, BEGIN + PERIOD - LEAD):
        first, second = (moto_rotation(services, Late(services.key_store)) for _ in range(2))
        assert len(first.run(now)) == len(Purpose)
        assert second.run(now) == []
    assert [serial for _, serial, _, _ in plan(services.key_store)] == [1, 2] * len(Purpose)


def test_threads_at_the_same_time_add_one_key(services: Services, empty_ring: None) -> None:
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
    assert [serial for _, serial, _, _ in plan(services.key_store)] == [1] * len(Purpose)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("write", range(2))
def test_a_run_that_dies_leaves_whole_keys_in_the_table(
    services: Services, empty_ring: None, write: int, after: bool
) -> None:
    with pytest.raises(StoreUnavailableError):
        moto_rotation(services, Dying(services.key_store, write, after=after)).run(BEGIN)
    for entry in services.key_store.load():
        assert services.key_store.unseal(entry)
    moto_rotation(services).run(BEGIN)
    assert plan(services.key_store) == [(purpose, 1, BEGIN, BEGIN) for purpose in sorted(Purpose)]


def test_a_revocation_and_a_run_at_the_same_time_both_take(services: Services, ring: None) -> None:
    late = moto_rotation(services, Late(services.key_store))
    now = BEGIN + PERIOD - LEAD
    moto_rotation(services).run(now)  # takes the number that the late one had in mind
    kid = next(entry.kid for entry in services.key_store.load() if entry.purpose is Purpose.ACCESS_TOKEN)
    instead = late.revoke(kid, now)
    ring_now = services.rotation.ring()
    assert [entry.kid for entry in signing(ring_now, Purpose.ACCESS_TOKEN, now)] == [instead]
    assert [entry.serial for entry in services.key_store.load() if entry.purpose is Purpose.ACCESS_TOKEN] == [
        1,
        2,
        3,
    ]


def test_what_memory_and_the_table_make_of_it_is_the_same(services: Services, empty_ring: None) -> None:
    world = World(services.settings)
    ways = [(0, runs), (PERIOD, runs), (HOUR, is_forced), (PERIOD, loses_a_key), (PERIOD, runs)]
    steps = [Step(wait, way, number=3) for wait, way in ways]
    for step in steps:
        world.happen(step)
    emulated = World(services.settings, store=services.key_store)
    for step in steps:
        emulated.happen(step)
    assert plan(emulated.store) == plan(world.store)
