"""What one process of several does in a race: a container of its own, with threads of its own."""

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing.synchronize import Barrier
from unittest import mock

from chalicelib.services import Services
from tests.races import contest
from tests.support import patience

PROCESSES = 4
_THREADS = contest.CONTESTANTS // PROCESSES


@dataclass(frozen=True)
class _Contestant:
    services: Services
    ready: Barrier
    threads: ThreadPoolExecutor


_contestants: list[_Contestant] = []


def enter(environment: Mapping[str, str], now: int, ready: Barrier) -> None:
    """Assembles this process's services. `ready` waits for all processes."""
    os.environ.update(environment)
    mock.patch("chalicelib.services.connect", patience.connect).start()
    services = contest.assemble(os.environ, now)
    services.keys.hmac_key(now)
    _contestants.append(_Contestant(services, ready, ThreadPoolExecutor(_THREADS)))


def refresh_in_threads(refresh_token: str) -> list[str]:
    """Refreshes once in each thread, when every process is there. The successors."""
    (contestant,) = _contestants
    contestant.ready.wait(timeout=patience.END)
    return contest.at_once(
        contestant.threads, [partial(contest.refresh, contestant.services, refresh_token)] * _THREADS
    )
