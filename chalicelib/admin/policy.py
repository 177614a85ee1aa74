"""`policy show`."""

import json

import click

from chalicelib import access_table
from chalicelib import scope as scopes
from chalicelib.admin.command import RefusedError, verb
from chalicelib.admin.output import Result
from chalicelib.errors import InvalidRequestError
from chalicelib.gate import guarded_apis
from chalicelib.gate.explanation import BY_ROUTE, explain, text
from chalicelib.gate.policy import AccessTable, PolicyDocument
from chalicelib.gate.routes import InexactPolicyError, Route
from chalicelib.scope import Scope

# Which API it is for does not matter here.
_PREFIX = "arn:aws:execute-api:us-east-1:123456789012:a1b2c3d4e5/api"


@click.group
def policy() -> None:
    """What tokens may reach, by the access tables."""


@verb(policy, "show", of_stack=False)
@click.option(
    "--api", default=guarded_apis.OWN, metavar="NAME", help="chalicelib/guarded/NAME.json; else our own API."
)
@click.option(
    "--scope", default=None, help="The token's scopes, separated by spaces; else every one of the table."
)
def show_policy(api: str, scope: str | None) -> Result:
    """What a token could reach, route by route, the policy that it gets, and how the API is guarded."""
    table = _table(api)
    held = _every_scope(table) if scope is None else _parsed(scope)
    allowed = table.allowed(held)
    rows = [_row(route, index in allowed) for index, route in enumerate(table.routes.all)]
    explanation = explain(table)
    policies = _policies(table, held, allowed, by_route=explanation.mode == BY_ROUTE)
    document = {"api": api, "scope": scopes.serialize(held), **explanation._asdict(), "routes": rows} | policies
    return Result(document, rows, f"\n{text(api, table)}\n\n{json.dumps(policies, indent=2)}")


def _table(api: str) -> AccessTable:
    try:
        if api == guarded_apis.OWN:
            return AccessTable(access_table.guarded())
        return guarded_apis.table_of(api)
    except InexactPolicyError as error:
        raise RefusedError(str(error)) from None


def _parsed(text: str) -> Scope:
    try:
        return scopes.parse(text)
    except InvalidRequestError:
        raise RefusedError("--scope takes scopes separated by one space.") from None


def _every_scope(table: AccessTable) -> Scope:
    words: Scope = frozenset()
    return words.union(*(route.access.any_of | route.access.all_of for route in table.routes.all))


def _row(route: Route, allowed: bool) -> dict[str, str]:  # noqa: FBT001
    any_of, all_of = " or ".join(sorted(route.access.any_of)), " and ".join(sorted(route.access.all_of))
    return {
        "route": str(route),
        "needs": ", and ".join(filter(None, (any_of, all_of))) or "any token",
        "reached": "yes" if allowed else "no",
        "description": route.access.description,
    }


def _policies(table: AccessTable, held: Scope, allowed: set[int], *, by_route: bool) -> dict[str, object]:
    """The policy, or one for each route that is allowed."""
    if not by_route:
        return {"policy": table.policy(_PREFIX, held)}
    policies: dict[str, PolicyDocument] = {}
    for route in (table.routes.all[index] for index in sorted(allowed)):
        policies[str(route)] = table.policy_by_route(_PREFIX, held, route.allow, route.access.path)
    return {"policies": policies}
