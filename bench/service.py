"""Sign-in and refresh: the CPU time of the API function, from API Gateway's event to its answer, on a container
that has its keys and the feed; against what no service that does this on DynamoDB can do without.
"""

from collections.abc import Callable, Iterator

from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from app import app
from bench import containers
from bench.containers import SIGN_IN, Refreshing, alone, answered, recorded
from bench.measure import ratios
from bench.peers import authlib
from bench.rows import Row

SIGN_IN_GOAL = REFRESH_GOAL = 1.15


def rows() -> Iterator[Row]:
    """Both operations. The app is called as Lambda calls it."""
    with containers.running():
        containers.container()
        refreshing = Refreshing(app, answered(app(containers.post(*SIGN_IN), None)))
        refreshing()
        yield _sign_in()
        yield from _refresh(refreshing)


def _sign_in() -> Row:
    def sign_in() -> None:
        answered(app(containers.post(*SIGN_IN), None))

    with recorded() as calls:
        sign_in()
    password_hash = containers.user().password_hash
    base = both(lambda: Argon2id.verify_phc_encoded(b"demo-password", password_hash), alone(calls))
    measured = ratios({"ours": sign_in, "base": base}, "base", rounds=30, run=1)["ours"]
    to = f"Argon2id and its {len(calls)} boto3 calls alone"
    return Row("sign-in, CPU", SIGN_IN_GOAL, measured.median, measured.quartiles, to)


def _refresh(refreshing: Refreshing) -> Iterator[Row]:
    refreshing()  # which warms the container
    with recorded() as calls:
        refreshing()
    # The session that is refreshed is not the one whose calls are made again.
    other = Refreshing(app, answered(app(containers.post(*SIGN_IN), None)))
    server = authlib.Server()
    # One call at a turn, so that each finds the processor's caches as another has left them; a container does too.
    subjects: dict[str, Callable[[], object]] = {"ours": other, "base": alone(calls), "authlib": server.refresh}
    measured = ratios(subjects, "base", rounds=1_500, run=0.01, seconds=45)
    ours, theirs = measured["ours"], measured["authlib"].median
    to = f"its {len(calls)} boto3 calls alone"
    note = f"Authlib: in memory, where its {server.store.calls_of(server.refresh)} calls to a store cost nothing"
    yield Row("refresh, CPU", REFRESH_GOAL, ours.median, ours.quartiles, to, {"Authlib": theirs}, note)
    lower, upper = ours.quartiles
    beyond = "of the refresh: all that is no call to AWS"
    yield Row(beyond, None, ours.median - 1, (lower - 1, upper - 1), to, {"Authlib": theirs})


def both(*parts: Callable[[], object]) -> Callable[[], None]:
    """One after the other."""

    def call() -> None:
        for part in parts:
            part()

    return call
