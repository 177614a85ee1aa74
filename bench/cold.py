"""Cold starts: the CPU time of a function's process until its first answer.

Each start is a process of its own, run by AWS's runtime client as Lambda runs it (infra.lambda_runtime); all
subjects take turns. A figure is of whole processes, Python's own start and the client included: that is what one
waits for. A stopwatch before the handler tells beside it what the function itself takes, from the import of its
module on. AWS is ministack, in a process of its own.
"""

import json
import os
import sysconfig
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any, NamedTuple

from app import app
from bench import containers
from bench.containers import SIGN_IN, Refreshing, answered, recorded, repeatable
from bench.issued import Issued, event, issue
from bench.measure import Ratio, one_cpu
from bench.packages import Packages, make
from bench.rows import Row
from chalicelib.keys.material import new_signing_key, signing_key
from chalicelib.keys.ring import KeyEntry
from infra.emulated import lambda_runtime
from infra.emulated.aws_calls import Call
from infra.package import dependencies

GATE, API, COMPILED = 1.4, 1.1, 1.05

_PROBE = Path(__file__).parents[1] / "tests" / "deployed" / "layer"


class Start(NamedTuple):
    """CPU time of one start, in seconds: of the whole process, and of the function in it."""

    process: float
    function: float


@dataclass(frozen=True)
class Function:
    """A function's code at `root`, its `handler` and what it finds in its environment."""

    root: Path
    handler: str
    layer: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    boto3: bool = False

    def start(self, asked: Any) -> tuple[Any, Start]:
        """The first answer, to `asked`, of a new process."""
        # Lambda lets no function write what it has compiled; here only the account we run as might.
        environment = {**self.environment, "PROBED": self.handler, "PYTHONDONTWRITEBYTECODE": "1"}
        layers = [self.layer]
        started = lambda_runtime.running(
            self.root, "stopwatch.handler", environment, boto3=self.boto3, layers=layers
        )
        with started as function:
            told = function.invoke(asked)
            return told["answer"], Start(function.cpu_seconds(), told["took"] / 1e9)


def rows() -> Iterator[Row]:
    """The gate's starts, then the API function's."""
    with TemporaryDirectory(prefix="cold-") as directory:
        packages = make(Path(directory))
        yield from _gate(packages)
        yield from _api(packages)


# --- The gate


def _gate(packages: Packages) -> Iterator[Row]:
    issued = _issued()
    jwk_set = json.dumps(issued.jwk_set)
    at_hand = Function(packages.packaged, "keys_at_hand.gate", packages.layer, {"JWK_SET": jwk_set})
    peer = {
        "ISSUED": json.dumps(
            {"alg": issued.alg, "issuer": issued.issuer, "audience": issued.audience, "jwk_set": issued.jwk_set}
        )
    }
    with _served(jwk_set.encode()) as uri:
        functions = {
            "bare": Function(packages.bare, "bare.gate", packages.layer),
            "gate": at_hand,
            "fetched": Function(
                packages.packaged, "chalicelib.authorizer.gate", packages.layer, {"GATEHOUSE_JWKS_URI": uri}
            ),
            "compiled": replace(at_hand, root=packages.compiled),
            "uncompiled": replace(at_hand, root=packages.uncompiled),
            "pyjwt": Function(packages.peers, "peer.handler", packages.layer, peer | {"PEER": "pyjwt"}),
            "powertools": Function(packages.peers, "peer.handler", packages.layer, peer | {"PEER": "powertools"}),
        }
        asked = event(issued.tokens[0])
        starts = _by_turns({name: _decides(function, asked) for name, function in functions.items()}, 20)
    what = "gate, start up to the first decision, keys at hand, from the packaged zip"
    to = "start of a bare Chalice authorizer, up to its first answer"
    peers = {"PyJWT, AWS blueprint": starts["pyjwt"], "Powertools and PyJWT": starts["powertools"]}
    note = "whole processes, with Python and the runtime client; the peers without Chalice"
    bare = starts["bare"]
    yield _row(what, GATE, starts["gate"], bare, to, peers, note)
    yield _row("of the same: without Python and the client", None, starts["gate"], bare, to, peers, of=_FUNCTION)
    yield _row("the same, and the keys fetched over HTTP", None, starts["fetched"], bare, to)
    yield _packaged("gate", starts, "gate")


def _decides(function: Function, asked: Any) -> Callable[[], Start]:
    def started() -> Start:
        answer, start = function.start(asked)
        effects = {statement["Effect"] for statement in answer["policyDocument"]["Statement"]}
        if "Allow" not in effects:
            raise RuntimeError(answer)
        return start

    return started


def _issued() -> Issued:
    new = new_signing_key("ES256")
    entry = KeyEntry(new.kid, new.purpose, new.alg, sealed=b"", published_at=0, signs_from=0)
    return issue(signing_key(entry, new.secret), new.public_jwk or {}, 1, int(time.time()), os.urandom)


@contextmanager
def _served(document: bytes) -> Iterator[str]:
    """A server of this process that answers `document` to everything; and its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response_only(200)
            self.send_header("Content-Length", str(len(document)))
            self.end_headers()
            self.wfile.write(document)

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


# --- The API function


def _api(packages: Packages) -> Iterator[Row]:
    with containers.running() as environment:
        containers.container(int(time.time()))
        refreshing = Refreshing(app, answered(app(containers.post(*SIGN_IN), None)))
        calls = _first_calls()
        api = Function(packages.packaged, "app.app", packages.layer, environment, boto3=True)
        modules = _third_party(api, refreshing)
        given = packages.layer / "given.py"
        config = containers.CONFIG
        given.write_text(f"MODULES = {modules!r}\nCONFIG = {config!r}\nCALLS = {repeatable(calls)!r}\n")
        dependencies.compile_all(packages.layer)
        functions = {
            "api": api,
            "compiled": replace(api, root=packages.compiled),
            "uncompiled": replace(api, root=packages.uncompiled),
        }
        subjects = {name: _refreshes(function, refreshing) for name, function in functions.items()}
        alone = replace(api, handler="calls_alone.handler")
        starts = _by_turns(subjects | {"alone": lambda: alone.start({})[1]}, 20)
    to = f"the same {len(modules)} modules of others imported and the same {len(calls)} boto3 calls alone"
    what = "API function, start up to the first refresh answered"
    yield _row(what, API, starts["api"], starts["alone"], to)
    yield _row(
        "of the same: without Python and the client", None, starts["api"], starts["alone"], to, of=_FUNCTION
    )
    yield _packaged("API function", starts, "api")


def _refreshes(function: Function, refreshing: Refreshing) -> Callable[[], Start]:
    def started() -> Start:
        answer, start = function.start(refreshing.event())
        refreshing.take(answer)
        return start

    return started


def _first_calls() -> list[Call]:
    """What a container that knows nothing asks of AWS for its first refresh."""
    session = Refreshing(app, answered(app(containers.post(*SIGN_IN), None)))
    containers.container(int(time.time()))
    with recorded() as calls:
        session()
    return calls


def _third_party(function: Function, refreshing: Refreshing) -> list[str]:
    """The modules of others that the function has loaded once it has answered: all but the standard library's."""
    environment = {**function.environment, "PROBED": function.handler}
    started = lambda_runtime.running(function.root, "probe.handler", environment, boto3=True, layers=[_PROBE])
    with started as running:
        refreshing.take(running.invoke(refreshing.event()))
        loaded = running.invoke("probe")["modules"]
    installed = {path.name.partition(".")[0] for path in Path(sysconfig.get_path("platlib")).iterdir()}
    return [name for name in loaded if name.partition(".")[0] in installed]


# --- Figures

Starts = list[Start]
_PROCESS, _FUNCTION = 0, 1  # of a Start


def _by_turns(subjects: Mapping[str, Callable[[], Start]], rounds: int) -> dict[str, Starts]:
    """That many starts of each, after one that brings its files into memory."""
    starts: dict[str, Starts] = {name: [] for name in subjects}
    with one_cpu():
        for turn in range(rounds + 1):
            for name, started in subjects.items():
                start = started()
                if turn:
                    starts[name].append(start)
    return starts


def _ratio(starts: Starts, base: Starts, of: int = _PROCESS) -> Ratio:
    each = [start[of] / other[of] for start, other in zip(starts, base, strict=True)]
    lower, median, upper = quantiles(each, n=4, method="inclusive")
    return Ratio(median, (lower, upper))


def _row(
    what: str,
    goal: float | None,
    starts: Starts,
    base: Starts,
    to: str,
    peers: Mapping[str, Starts] | None = None,
    note: str = "",
    of: int = _PROCESS,
) -> Row:
    ratio = _ratio(starts, base, of)
    others = {name: _ratio(peer, base, of).median for name, peer in (peers or {}).items()}
    return Row(what, goal, ratio.median, ratio.quartiles, to, others, note)


def _packaged(what: str, starts: Mapping[str, Starts], name: str) -> Row:
    to = "the same, compiled anew where it lies"
    peers = {"chalice package": starts["uncompiled"]}
    return _row(f"packaged zip, start of the {what}", COMPILED, starts[name], starts["compiled"], to, peers)
