"""A handler before the one that `PROBED` names. To `"probe"` it answers what the process has loaded until then."""

import os
import sys
from importlib import import_module
from typing import Any

compiled: list[str] = []


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "compile":
        compiled.append(str(arguments[1]))


sys.addaudithook(_hear)

_module, _, _name = os.environ["PROBED"].rpartition(".")
probed = getattr(import_module(_module), _name)


def handler(event: Any, context: Any) -> Any:
    if event != "probe":
        return probed(event, context)
    files = {str(module.__file__) for module in [*sys.modules.values()] if getattr(module, "__file__", None)}
    return {"path": sys.path, "files": sorted(files), "compiled": compiled, "modules": sorted(sys.modules)}
