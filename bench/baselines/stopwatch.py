"""A handler before the one that `PROBED` names. Its answer tells the CPU time (nanoseconds, all threads) that this
one has taken: its import and, in the first invocation, its answer; not what the runtime client takes for itself.
"""

import os
import time
from importlib import import_module
from typing import Any

_begin = time.process_time_ns()
_module, _, _name = os.environ["PROBED"].rpartition(".")
_probed = getattr(import_module(_module), _name)
_imported = time.process_time_ns() - _begin


def handler(event: Any, context: Any) -> Any:
    """The answer of the handler, and what it took."""
    begin = time.process_time_ns()
    answer = _probed(event, context)
    return {"answer": answer, "took": _imported + time.process_time_ns() - begin}
