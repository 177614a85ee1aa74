"""The policies that docs/gate.md prints are those that tokens get."""

import json
from pathlib import Path

from chalicelib.access_table import Access, access
from chalicelib.authorizer import PROTECTED
from chalicelib.gate.policy import AccessTable, PolicyDocument
from chalicelib.scope import parse
from tests.conftest import DEMO_SCOPE
from tests.support.nested_tables import rows

PAGE = Path(__file__).parents[2] / "docs/gate.md"
STAGE = "arn:aws:execute-api:us-east-1:123456789012:a1b2c3d4e5/api"
ORGS = rows("teams")
REPOS = (
    access("GET", "/repos/{owner}/{repo}", "repo"),
    access("GET", "/repos/{owner}/{repo}/issues", "issues"),
    access("GET", "/repos/{owner}/{repo}/issues/{n}", "issues"),
    access("GET", "/repos/{owner}/{repo}/pulls", "pulls"),
    access("GET", "/repos/{owner}/{repo}/pulls/{n}", "pulls"),
)


def printed(name: str) -> str:
    """The block after the mark `name`."""
    _, mark, after = PAGE.read_text().partition(f"<!-- {name} -->\n```")
    assert mark
    block, fence, _ = after.partition("\n```\n")
    assert fence
    return block.partition("\n")[2]


def lines(policy: PolicyDocument) -> list[str]:
    return [
        f"  {each['Effect']:<5} {path.removeprefix(STAGE)}"
        for each in policy["Statement"]
        for path in each["Resource"]
    ]


def needs(row: Access) -> str:
    return f"{row.method} {row.path}  needs {' or '.join(sorted(row.any_of))}"


def test_the_page_prints_the_policy_of_the_demo_user() -> None:
    assert printed("policy of the demo user") == json.dumps(PROTECTED.policy(STAGE, parse(DEMO_SCOPE)), indent=2)


def test_the_page_prints_what_a_token_gets_by_route() -> None:
    table, scope = AccessTable(ORGS), frozenset({"org", "member"})
    assert table.cause
    answers = [[needs(row), *lines(table.answer(STAGE, scope, "/GET/", row.path))] for row in ORGS]
    assert printed("by route") == "\n".join(line for answer in answers for line in answer)


def test_the_page_prints_what_a_token_gets_for_the_whole_api() -> None:
    table, scope = AccessTable(REPOS), frozenset({"repo", "issues"})
    assert table.cause is None
    routes = [f"{needs(row)}: {'reached' if row.allows(scope) else '403'}" for row in REPOS]
    assert printed("whole API") == "\n".join([*routes, *lines(table.policy(STAGE, scope))])
