"""Ids: what they are made of, and that those with a time sort by it."""

import secrets
from functools import partial
from operator import mul

from chalicelib import base64url
from chalicelib.ids import ID_BYTES, new_id, new_ordered_id


def test_an_id_is_its_random_bytes() -> None:
    assert base64url.decode(new_id(lambda count: bytes(range(count)))) == bytes(range(ID_BYTES))


def test_ordered_ids_sort_by_time_whatever_the_random_bytes() -> None:
    times = (0, 1, 255, 256, 1_800_000_000, 2**33)
    made = [new_ordered_id(now, partial(mul, bytes([255 - place]))) for place, now in enumerate(times)]
    assert made == sorted(made)


def test_two_ids_of_one_second_differ() -> None:
    assert new_ordered_id(7, secrets.token_bytes) != new_ordered_id(7, secrets.token_bytes)
