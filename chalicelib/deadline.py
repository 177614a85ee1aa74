"""By when the work under way must end: what the stores hold each of their calls against.

A Lambda function that reaches its time limit is stopped where it stands, and its caller waits for nothing. So
whoever begins the work says how long it may take, and no try of a call begins later than that.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Lock

# What one invocation may take until its last try of a call begins, in seconds. That try takes three more at the
# most (`stores.aws`), and the functions' time limit (.chalice/config.json) leaves two for all that is no call.
INVOCATION = 5.0

# How long a request may wait for what only one request of a process can have at a time, in seconds. Lambda gives a
# process one request at a time, so nobody waits there; this is for servers with threads, as `make run` starts one.
QUEUE = 60.0

_ends_at: ContextVar[float | None] = ContextVar("ends_at", default=None)


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """The work in the block has `seconds` from now."""
    token = _ends_at.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _ends_at.reset(token)


def passed() -> bool:
    """Whether the time is over. Where nobody set a deadline, it never is."""
    ends_at = _ends_at.get()
    return ends_at is not None and time.monotonic() >= ends_at


@contextmanager
def turn(lock: Lock, at_most: float = QUEUE) -> Iterator[None]:
    """Holds `lock` in the block. The work's own time does not run while it waits: the deadline moves by the wait.

    Raises `TimeoutError` where `lock` was not to be had within `at_most` seconds.
    """
    began = time.monotonic()
    if not lock.acquire(timeout=at_most):
        raise TimeoutError
    try:
        ends_at = _ends_at.get()
        if ends_at is not None:
            _ends_at.set(ends_at + time.monotonic() - began)
        yield
    finally:
        lock.release()
