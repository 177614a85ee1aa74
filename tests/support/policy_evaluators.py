"""Two readings of an IAM policy that nobody here wrote, which have to agree.

moto's `IAMPolicy` decides a whole document, resources and Deny and letter case included, but takes a pattern for
a regular expression but for its `*`: it is given the pattern with everything else escaped. Chalice's `ARNMatcher`
escapes, but knows only resources. Neither lets a `*` match a line break.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from chalice.local import ARNMatcher
from moto.iam.access_control import IAMPolicy, PermissionResult


def permits(policy: Mapping[str, Any], resource: str) -> bool:
    """Whether `policy` lets `resource`, which has no line break, be invoked."""
    statements = json.loads(json.dumps(policy))["Statement"]
    escaped = [{**each, "Resource": [_escaped(pattern) for pattern in each["Resource"]]} for each in statements]
    document = json.dumps({**policy, "Statement": escaped})
    by_moto = IAMPolicy(document).is_action_permitted("execute-api:Invoke", resource) == PermissionResult.PERMITTED
    matcher = ARNMatcher(resource)
    matched = {each["Effect"]: matcher.does_any_resource_match(each["Resource"]) for each in statements}
    assert by_moto == (matched.get("Allow", False) and not matched.get("Deny", False))
    return by_moto


def _escaped(pattern: str) -> str:
    return re.escape(pattern).replace(r"\*", "*")
