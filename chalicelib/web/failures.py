"""What fails for a cause that passes, whatever library says so: 503 at every route, and never a bare 500.

docs/reliability.md lists what each library may raise, and where it is answered.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from cryptography.exceptions import InternalError

from chalicelib.errors import StoreUnavailableError

# No memory; no file, socket or name service (timeouts and lost connections among them); OpenSSL's own failures.
PASSING = (MemoryError, OSError, InternalError)


@contextmanager
def translated() -> Iterator[None]:
    """Turns what fails in the block for a passing cause into `StoreUnavailableError`."""
    try:
        yield
    except PASSING as error:
        raise StoreUnavailableError(detail=type(error).__name__) from None
