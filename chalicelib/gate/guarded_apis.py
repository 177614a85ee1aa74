"""The REST APIs that the gate guards, and the access table of each.

The table of a service is a reviewed file of the package, `chalicelib/guarded/SERVICE.json`. Which API it holds for
is a setting of the stage, for an API's id is known only once it is deployed. docs/protect-your-api.md shows both.
"""

import logging
import os

from chalicelib import scope, strict_json
from chalicelib.access_table import Access
from chalicelib.errors import InvalidRequestError
from chalicelib.gate.policy import AccessTable
from chalicelib.gate.routes import InexactPolicyError
from chalicelib.scope import Scope
from chalicelib.settings import Settings, SettingsError

# What stands for this service's own access table in the setting.
OWN = "gatehouse"

_log = logging.getLogger(__name__)

_SCOPES = ("any_of", "all_of")
_NO_SCOPE: Scope = frozenset()
_WORDS = ("description", "resource")
_MEMBERS = {*_SCOPES, *_WORDS}

FOLDER = os.path.join(os.path.dirname(os.path.dirname(__file__)), "guarded")


def load(settings: Settings, own: AccessTable, folder: str = FOLDER) -> dict[str, AccessTable]:
    """The access table of each guarded API, by the API's id. `own` is this service's.

    Raises `SettingsError`, which names the variable, and `InexactPolicyError`, which names file and route.
    """
    services = {service for _, service in settings.guarded_apis}
    if OWN not in services:
        raise SettingsError(f"GATEHOUSE_GUARDED_APIS must name this service's own API too, as API_ID={OWN}")
    if not settings.issuer:
        # At its own API the issuer follows from the ARN of what was called; that ARN names another API here.
        raise SettingsError("GATEHOUSE_GUARDED_APIS needs GATEHOUSE_ISSUER")
    tables = {OWN: own} | {service: table_of(service, folder) for service in sorted(services - {OWN})}
    for service, table in tables.items():
        if table.cause and table is not own:
            _log.info("%s is guarded by route: %s", service, table.cause)
    return {api_id: tables[service] for api_id, service in settings.guarded_apis}


def table_of(service: str, folder: str = FOLDER) -> AccessTable:
    """The access table of `service`. Raises `SettingsError` where there is none, and `InexactPolicyError`."""
    name = f"{service}.json"
    # Listed, not merely tried: a path in the setting would lead out of the folder.
    if not os.path.isdir(folder) or name not in os.listdir(folder):
        raise SettingsError(f"GATEHOUSE_GUARDED_APIS names {service!r}: there is no chalicelib/guarded/{name}")
    with open(os.path.join(folder, name), encoding="utf-8") as file:
        text = file.read()
    try:
        return read(text)
    except InexactPolicyError as error:
        raise InexactPolicyError(f"chalicelib/guarded/{name}: {error}") from error


def read(text: str) -> AccessTable:
    """The access table in `text`: a JSON object of rows, each with its methods and path, and what it needs.

    `{"GET HEAD /orders/{order_id}": {"any_of": ["orders:read"]}, "ANY /health": {}}`; members are as in `Access`.
    With neither `any_of` nor `all_of` every valid token will do. Raises `InexactPolicyError`, naming the route.
    """
    try:
        routes = strict_json.loads(text)
    except ValueError as error:
        raise InexactPolicyError(f"not strict JSON: {error}") from None
    if not isinstance(routes, dict):
        raise InexactPolicyError("not a JSON object of routes")
    return AccessTable([_access(route, needs) for route, needs in routes.items()])


def _access(route: str, needs: object) -> Access:
    method, _, path = route.rpartition(" ")
    if not isinstance(needs, dict) or not needs.keys() <= _MEMBERS:
        raise InexactPolicyError(f"{route}: not an object with {', '.join(sorted(_MEMBERS))} or none of them")
    any_of, all_of = (_scope(f"{route}: {name}", needs[name]) if name in needs else _NO_SCOPE for name in _SCOPES)
    description, resource = (_words(f"{route}: {name}", needs.get(name, "")) for name in _WORDS)
    return Access(method, path, any_of, all_of, description=description, resource=resource)


def _words(where: str, text: object) -> str:
    if not isinstance(text, str):
        raise InexactPolicyError(f"{where} is no text")
    return text


def _scope(where: str, words: object) -> Scope:
    # An empty list is refused: it could be read as nobody or as anybody.
    if not isinstance(words, list) or not words or not all(_is_scope_token(word) for word in words):
        raise InexactPolicyError(f"{where} is not a list of scopes")
    return frozenset(words)


def _is_scope_token(word: object) -> bool:
    try:
        return isinstance(word, str) and scope.parse(word) == {word}
    except InvalidRequestError:
        return False
