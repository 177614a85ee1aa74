"""The REST APIs of AWS as access tables: every model with the protocol rest-json that botocore ships.

A scope for the last noun of each path, `:read` for GET and HEAD, `:write` for the rest. What the models have and
API Gateway has not is read as it could be written there: a query in a path is left out, and a greedy label that
something follows is a parameter.
"""

import re
from collections.abc import Iterator

from botocore.loaders import Loader

from chalicelib.access_table import Access, access

MOST_ROUTES = 300  # API Gateway's quota of resources for an API


def tables() -> Iterator[tuple[str, list[Access]]]:
    """The name of each service and its table."""
    loader = Loader()
    for service in loader.list_available_services("service-2"):
        model = loader.load_service_model(service, "service-2")
        metadata = model["metadata"]
        if "rest-json" in metadata.get("protocols", [metadata.get("protocol")]):
            yield service, _rows(operation["http"] for operation in model["operations"].values())


def _rows(bindings: Iterator[dict[str, str]]) -> list[Access]:
    rows: dict[tuple[str, str], Access] = {}
    for binding in bindings:
        method, path = binding["method"], _path(binding["requestUri"])
        nouns = [part for part in path.split("/") if part and not part.startswith("{")]
        verb = "read" if method in {"GET", "HEAD"} else "write"
        route = method, re.sub(r"\{[^}+]+(\+?)\}", r"{\1}", path)
        rows.setdefault(route, access(method, path, f"{(nouns or ['root'])[-1]}:{verb}"))
    return list(rows.values())


def _path(uri: str) -> str:
    path = re.split(r"[?#]", uri)[0].rstrip("/") or "/"
    return re.sub(r"\+\}(?=/)", "}", path)
