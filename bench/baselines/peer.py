"""The authorizer of bench.peers that `PEER` names, for the tokens that `ISSUED` describes."""

import json
import os
from importlib import import_module
from types import SimpleNamespace
from typing import Any

_given = json.loads(os.environ["ISSUED"])
_issued = SimpleNamespace(**_given)
_authorizer = import_module(f"bench.peers.{os.environ['PEER']}").authorizer(_issued)


def handler(event: Any, _context: object) -> Any:
    """The authorizer's answer."""
    return _authorizer(event)
