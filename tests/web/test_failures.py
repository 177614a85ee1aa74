"""What fails for a cause that passes becomes one error; all else stays what it is."""

import pytest

from chalicelib.errors import NotFoundError, StoreUnavailableError
from chalicelib.web.failures import PASSING, translated


@pytest.mark.parametrize("kind", [MemoryError, OSError, TimeoutError, ConnectionResetError])
def test_a_passing_cause_is_temporary_and_named_in_the_log_alone(kind: type[Exception]) -> None:
    with pytest.raises(StoreUnavailableError) as raised, translated():
        raise kind("a secret")
    assert issubclass(kind, PASSING)
    assert (raised.value.detail, raised.value.__cause__) == (kind.__name__, None)


@pytest.mark.parametrize("error", [NotFoundError(), ValueError("a mistake")])
def test_any_other_stays(error: Exception) -> None:
    with pytest.raises(type(error)), translated():
        raise error
