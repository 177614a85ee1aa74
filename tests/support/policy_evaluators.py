"""Two readings of an IAM policy that nobody here wrote, which have to agree.

moto's `IAMPolicy` decides a whole document, resources and Deny and letter case included, but takes a pattern for
a regular expression but for its `*`, so that a `.` in it is any character. Chalice's `ARNMatcher` escapes, but
knows only resources. Neither lets a `*` match a line break.
"""

import json
from collections.abc import Mapping

from chalice.local import ARNMatcher
from moto.iam.access_control import IAMPolicy, PermissionResult


def permits(policy: Mapping[str, object], resource: str) -> bool:
    """Whether `policy`, whose resources have no dots, lets `resource`, which has no line break, be invoked."""
    document = json.dumps(policy)
    decision = IAMPolicy(document).is_action_permitted("execute-api:Invoke", resource)
    by_moto = decision == PermissionResult.PERMITTED
    matcher = ARNMatcher(resource)
    matched = {
        statement["Effect"]: matcher.does_any_resource_match(statement["Resource"])
        for statement in json.loads(document)["Statement"]
    }
    assert by_moto == (matched.get("Allow", False) and not matched.get("Deny", False))
    return by_moto
