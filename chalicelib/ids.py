"""The ids that this service makes: random ones, and ones whose order is that of time."""

from collections.abc import Callable
from threading import Lock

from chalicelib import base64url

ID_BYTES = 16
_TIME_BYTES = 6
_MILLISECONDS = 1_000
# By so much may an id be ahead of the clock, so that those of one container are in order within a millisecond.
_MOST_AHEAD = 1_000


def new_id(random_bytes: Callable[[int], bytes]) -> str:
    """128 random bits as 22 characters of base64url."""
    return base64url.encode(random_bytes(ID_BYTES))


class TimeOrderedIds:
    """Makes ids of 32 hexadecimal digits: 48 bits of time in milliseconds, then 80 random bits. They sort by
    time, those of one container also within a millisecond. Safe for threads."""

    def __init__(self, clock: Callable[[], float], random_bytes: Callable[[int], bytes]) -> None:
        self._clock = clock
        self._random_bytes = random_bytes
        self._lock = Lock()
        self._last = 0

    def __call__(self) -> str:
        """A new id."""
        with self._lock:
            now = int(self._clock() * _MILLISECONDS)
            self._last = self._last + 1 if 0 <= self._last - now < _MOST_AHEAD else now
            time = self._last
        return (time.to_bytes(_TIME_BYTES, "big") + self._random_bytes(ID_BYTES - _TIME_BYTES)).hex()


def first_at(numeric_date: int) -> str:
    """What sorts before every id that was made at `numeric_date` or later, and after all others."""
    return (max(0, numeric_date) * _MILLISECONDS).to_bytes(_TIME_BYTES, "big").hex()
