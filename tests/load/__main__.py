"""`python -m tests.load`: clients of the served API for SECONDS (default 60), and whether every promise was kept.

Two containers, processes of their own, serve the API on ministack; the news of what ended travels between them.
One more user floods them with ends, of which nobody else may notice anything.
Exits with 1 and the histories that break an invariant. SEED repeats what each client does, though not when.
"""

import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import quantiles
from subprocess import PIPE, Popen
from threading import Event

from chalicelib.services import Services, assemble
from infra import demo
from infra.emulated import ministack
from tests.load.accounts import sign_up, subject
from tests.load.client import Device
from tests.load.flood import Flood
from tests.load.history import Seen, told
from tests.load.invariants import Broken, Final, broken
from tests.support.patience import END

CONTAINERS, USERS, DEVICES = 2, 6, 3
_MOST = 500  # requests in a second; no more are kept
_SHOWN = 5  # broken invariants, with their histories
# What the clients' machine may need, beyond the interval of the feed, in seconds.
_SLACK = 1
_ROW = "{:24}" + "{:>10}" * 8
_SETTINGS = {
    "GATEHOUSE_ISSUER": "https://gatehouse.example",
    "GATEHOUSE_OPEN_SIGN_UP": "true",
    "GATEHOUSE_PASSWORD_PROFILE": "OWASP_MINIMUM",
    "GATEHOUSE_JWKS_MAX_AGE": "1",  # so that a rotation is heard of while it runs
}


def main() -> int:
    """0 where every invariant held."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    seconds, seed = int(os.environ.get("SECONDS", "60")), os.environ.get("SEED", str(random.getrandbits(32)))
    print(f"{USERS * DEVICES} clients of {CONTAINERS} containers for {seconds} s (SEED={seed}) ...", flush=True)
    with ministack.running() as environment, tempfile.TemporaryDirectory() as logs:
        os.environ.update({**environment, **_SETTINGS})
        services = assemble(os.environ)
        demo.add_keys(services)
        interval = services.settings.revocation_interval + _SLACK
        with _containers(Path(logs)) as ports:
            flood = Flood(ports, seed, services.now())
            seen, final = _run(services, ports, seconds, seed, interval, flood)
            _summarize(seen, seconds)
            return _verdict([*flood.broken(services), *broken(seen, final, interval)], Path(logs))


@contextmanager
def _containers(logs: Path) -> Iterator[list[int]]:
    """Their ports. They end with the block."""
    with ExitStack() as stack:
        started = [
            stack.enter_context(_container(logs / f"container-{number}.log")) for number in range(CONTAINERS)
        ]
        yield [int((process.stdout or sys.stdin).readline()) for process in started]


@contextmanager
def _container(log: Path) -> Iterator["Popen[str]"]:
    with log.open("w") as errors:
        command = [sys.executable, "-m", "tests.load.container"]
        process = Popen(command, stdin=PIPE, stdout=PIPE, stderr=errors, text=True)
        try:
            yield process
        finally:
            process.communicate(timeout=END)  # closes its standard input, with which it ends


def _run(
    services: Services, ports: list[int], seconds: int, seed: str, interval: float, flood: Flood
) -> tuple[list[Seen], Final]:
    seen: list[Seen] = []
    accounts = [sign_up(ports[0], f"user-{number}") for number in range(USERS)]
    devices = [
        Device(account, ports, seen, f"{seed} {account.username} {number}")
        for account in accounts
        for number in range(DEVICES)
    ]
    over, most = Event(), len(seen) + _MOST * seconds

    def live(device: Device | Flood) -> None:
        while not over.is_set() and len(seen) < most:
            device.act()

    with ThreadPoolExecutor(len(devices) + 1) as threads:
        try:
            lives = [threads.submit(live, flood), *(threads.submit(live, device) for device in devices)]
            over.wait(seconds / 10)
            _rotate(services)
            over.wait(seconds - seconds / 10)
        finally:  # also when somebody wants it to end early
            over.set()
        for life in lives:
            life.result()
        time.sleep(interval)  # from here on everything that has ended is known everywhere
        list(threads.map(Device.try_everything, devices))
    return seen, _final(services, devices)


def _rotate(services: Services) -> None:
    """Lets the next key of each purpose sign, while the clients go on."""
    for policy in services.rotation.policies:
        services.rotation.force(policy.purpose, services.now())


def _final(services: Services, devices: Sequence[Device]) -> Final:
    listed: dict[str, dict[str, str | None]] = {}
    generations: dict[str, int] = {}
    for device in devices[::DEVICES]:
        device.refresh()
        while not (sessions := device.sessions()):
            device.refresh()
        listed[device.account.username] = sessions
        stored = services.session_store.newest(subject(device.held.access_token))
        generations |= {session.session_id: session.generation for session in stored}
    for device in devices:
        device.close()
    kids = set().union(*(device.kids for device in devices))
    print(f"keys that have signed access tokens: {len(kids)}")
    return Final(listed, generations)


def _summarize(seen: Sequence[Seen], seconds: int) -> None:
    print(
        f"{len(seen)} requests, {len(seen) / seconds:.0f} a second; {len({one.session for one in seen})} sessions"
    )
    print(_ROW.format("", "requests", "200, 204", "401", "409", "503", "lost", "p50 ms", "p99 ms"))
    for kind in sorted({_kind(one) for one in seen}):
        of_kind = [one for one in seen if _kind(one) == kind]
        by_status = Counter(one.status for one in of_kind)
        statuses = (by_status[200] + by_status[204], *(by_status[status] for status in (401, 409, 503, None)))
        took = [1000 * (one.answered - one.began) for one in of_kind if one.answered is not None]
        hundredths = quantiles(took, n=100) if len(took) > 1 else [0.0] * 99
        print(_ROW.format(kind, len(of_kind), *statuses, round(hundredths[49]), round(hundredths[98])))


def _kind(one: Seen) -> str:
    return f"{one.act}: {one.reason}" if one.reason else one.act


def _verdict(found: Sequence[Broken], logs: Path) -> int:
    if not found:
        print("Every invariant held: nothing was lost, nothing revived, each token had one successor.")
        return 0
    print(f"{len(found)} times an invariant was broken:")
    for one in found[:_SHOWN]:
        print(f"\n{one.rule} (session {one.session})")
        print(*told(one.evidence), sep="\n")
    for log in sorted(logs.iterdir()):
        trouble = [line for line in log.read_text().splitlines() if not line.endswith(_ANSWERED)]
        print(f"\n{log.name}:", *trouble[-20:], sep="\n    ")
    return 1


# How the lines of a container's log end that say no more than that a request was answered.
_ANSWERED = (" 200", " 201", " 204", " 401", " 409")

if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
