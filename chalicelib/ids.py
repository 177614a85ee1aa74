"""Ids that this service makes: random, and fit for an address."""

from collections.abc import Callable

from chalicelib import base64url

ID_BYTES = 16


def new_id(random_bytes: Callable[[int], bytes]) -> str:
    """An id of 128 random bits, 22 characters of base64url: a `sub`, a session, a `jti`."""
    return base64url.encode(random_bytes(ID_BYTES))


def new_ordered_id(now: int, random_bytes: Callable[[int], bytes]) -> str:
    """An id that sorts by the NumericDate `now`, to the second: ten hexadecimal digits of it, 80 random bits."""
    return f"{now:010x}{random_bytes(10).hex()}"
