"""Ids: what they are made of, and that those with a time sort by it."""

import secrets
from concurrent.futures import ThreadPoolExecutor

from hypothesis import given
from hypothesis import strategies as st

from chalicelib import base64url
from chalicelib.ids import ID_BYTES, TimeOrderedIds, first_at, new_id

NOW = 1_800_000_000


def test_an_id_is_its_random_bytes() -> None:
    assert base64url.decode(new_id(lambda count: bytes(range(count)))) == bytes(range(ID_BYTES))


@given(st.lists(st.integers(0, 2**31), min_size=2, max_size=5, unique=True))
def test_ordered_ids_sort_by_time_whatever_the_random_bytes(times: list[int]) -> None:
    made = {now: TimeOrderedIds(lambda at=now: at, secrets.token_bytes)() for now in times}  # type: ignore[misc]
    assert sorted(times) == sorted(times, key=lambda now: made[now])
    for now, made_then in made.items():
        assert first_at(now) <= made_then < first_at(now + 1)


def test_those_of_one_container_are_in_order_within_a_millisecond_too() -> None:
    new = TimeOrderedIds(lambda: NOW, secrets.token_bytes)
    made = [new() for _ in range(500)]
    assert made == sorted(made)
    assert made[-1] < first_at(NOW + 1)


def test_a_clock_that_is_set_back_is_followed() -> None:
    times = iter([NOW, NOW - 60])
    new = TimeOrderedIds(lambda: next(times), secrets.token_bytes)
    assert new() > new()


def test_threads_get_different_ones() -> None:
    new = TimeOrderedIds(lambda: NOW, lambda count: b"\0" * count)
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(lambda _: new(), range(400)))) == 400
