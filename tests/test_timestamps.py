"""Times as people and clients read them."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.timestamps import rfc3339

YEAR_9999 = 253_402_300_799


def test_a_time_is_written_in_utc() -> None:
    assert rfc3339(1_800_000_000) == "2027-01-15T08:00:00Z"


@given(st.integers(0, YEAR_9999), st.integers(0, YEAR_9999))
def test_texts_read_back_and_sort_as_times_do(one: int, other: int) -> None:
    assert int(datetime.fromisoformat(rfc3339(one)).replace(tzinfo=UTC).timestamp()) == one
    assert (rfc3339(one) < rfc3339(other)) == (one < other)
