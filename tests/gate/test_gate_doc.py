"""The policy that docs/gate.md prints is the one that the demo user gets."""

import json
from pathlib import Path

from chalicelib.authorizer import PROTECTED
from chalicelib.scope import parse
from tests.conftest import DEMO_SCOPE

PAGE = Path(__file__).parents[2] / "docs/gate.md"
MARK = "<!-- policy of the demo user -->\n```json\n"
STAGE = "arn:aws:execute-api:us-east-1:123456789012:a1b2c3d4e5/api"


def test_the_page_prints_the_policy_of_the_demo_user() -> None:
    _, mark, after = PAGE.read_text().partition(MARK)
    assert mark
    printed, fence, _ = after.partition("```\n")
    assert fence
    assert printed == json.dumps(PROTECTED.policy(STAGE, parse(DEMO_SCOPE)), indent=2) + "\n"
