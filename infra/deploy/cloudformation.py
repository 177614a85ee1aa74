"""One CloudFormation stack, changed by change sets and followed until AWS has done.

By hand: boto3's waiters say neither what failed first nor why, and `aws cloudformation deploy` imports nothing.

Sources: "Understanding stack creation events", "Stack status codes" and "Update CloudFormation stacks using change
sets" in the AWS CloudFormation user guide.
"""

import json
import secrets
import time
from collections.abc import Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError

from infra.refusal import RefusalError

_CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
_DONE = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE", "DELETE_COMPLETE"})
_NOTHING = ("didn't contain changes", "No updates are to be performed")  # how AWS says it
_MAX_REASONS = 5
_TIMEOUT = 3600  # seconds that AWS may take for one change, many times what it takes

# By what a resource that exists is known to an import ("Resource type support").
IDENTIFIERS = {"AWS::DynamoDB::Table": "TableName", "AWS::KMS::Key": "KeyId"}


class Stack:
    """The stack `name`. `interval` is how many seconds lie between two looks at it, and after `timeout` seconds of
    looking for the end of one change that is an error."""

    def __init__(self, client: Any, name: str, interval: float, timeout: float = _TIMEOUT) -> None:
        self.name = name
        self._client = client
        self._interval = interval
        self._timeout = timeout

    def described(self) -> Mapping[str, Any] | None:
        """What `DescribeStacks` says, or None where there is no such stack."""
        try:
            (stack,) = self._client.describe_stacks(StackName=self.name)["Stacks"]
        except ClientError as error:
            if "does not exist" not in str(error):
                raise
            return None
        return None if stack["StackStatus"] in {"DELETE_COMPLETE", "REVIEW_IN_PROGRESS"} else dict(stack)

    def template(self) -> dict[str, Any]:
        """The template that was deployed last, as it was given."""
        body = self._client.get_template(StackName=self.name, TemplateStage="Original")["TemplateBody"]
        found: dict[str, Any] = body if isinstance(body, dict) else json.loads(body)
        return found

    def physical_ids(self) -> dict[str, str]:
        """The ids of the resources that it has, by their logical ids."""
        pages = self._client.get_paginator("list_stack_resources").paginate(StackName=self.name)
        made = (item for page in pages for item in page["StackResourceSummaries"])
        # A resource that is gone is still listed.
        there = (item for item in made if item["ResourceStatus"] != "DELETE_COMPLETE")
        return {
            item["LogicalResourceId"]: item["PhysicalResourceId"] for item in there if "PhysicalResourceId" in item
        }

    def apply(self, url: str, template: Mapping[str, Any], parameters: Mapping[str, str]) -> bool:
        """Creates or updates the stack, by the `template` that lies at `url`. False: there was nothing to change.

        `parameters` are new values; the others keep theirs. Raises `RefusalError` with what failed first.
        """
        values = self._parameters(template, parameters)
        return self._change(self.kind(), TemplateURL=url, Parameters=values)

    def adopt(
        self, template: Mapping[str, Any], existing: Mapping[str, str], parameters: Mapping[str, str]
    ) -> None:
        """Makes the stack of nothing but resources that exist: `existing` has physical by logical ids. Raises
        `RefusalError`."""
        resources = {name: template["Resources"][name] for name in existing}
        # An import brings nothing else in: no other resource, no output.
        kept = {name: part for name, part in template.items() if name in {"Parameters", "Conditions", "Mappings"}}
        imports = [
            {
                "ResourceType": resources[name]["Type"],
                "LogicalResourceId": name,
                "ResourceIdentifier": {IDENTIFIERS[resources[name]["Type"]]: physical_id},
            }
            for name, physical_id in existing.items()
        ]
        body = json.dumps({**kept, "Resources": resources})
        values = self._parameters(template, parameters)
        self._change("IMPORT", TemplateBody=body, Parameters=values, ResourcesToImport=imports)

    def delete(self) -> None:
        """Deletes the stack. Raises `RefusalError`."""
        stack = self.described()
        assert stack is not None  # noqa: S101 (the caller has looked)
        self.name = stack["StackId"]  # a deleted stack has lost its name
        last = self._last_event()
        self._client.delete_stack(StackName=self.name)
        self._follow(last)

    def protect(self, *, protected: bool) -> None:
        """Whether the stack can be deleted only after this is taken off."""
        self._client.update_termination_protection(StackName=self.name, EnableTerminationProtection=protected)

    def kind(self) -> str:
        """`CREATE` or `UPDATE`. Raises `RefusalError` where neither can be done now."""
        stack = self.described()
        status = stack["StackStatus"] if stack else None
        if status is None:
            return "CREATE"
        if status.endswith("_IN_PROGRESS"):
            raise RefusalError(f"the stack {self.name} is being changed ({status}). Try again when that is over.")
        if status in {"CREATE_FAILED", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "DELETE_FAILED"}:
            raise RefusalError(
                f"the stack {self.name} is in {status}, from which AWS updates nothing. `make destroy` removes it "
                "and keeps what holds data; then deploy again."
            )
        if status == "UPDATE_ROLLBACK_FAILED":
            raise RefusalError(
                f"the stack {self.name} is in {status}: `aws cloudformation continue-update-rollback --stack-name "
                f"{self.name}` first."
            )
        return "UPDATE"

    def _parameters(self, template: Mapping[str, Any], given: Mapping[str, str]) -> list[dict[str, Any]]:
        known = template.get("Parameters", {})
        unknown = sorted(given.keys() - known.keys())
        if unknown:
            names = ", ".join(sorted(known)) or "none"
            raise RefusalError(f"the template has no parameter {', '.join(unknown)}. It has: {names}.")
        stack = self.described() or {}
        kept = {item["ParameterKey"] for item in stack.get("Parameters", [])} & known.keys() - given.keys()
        new = [{"ParameterKey": name, "ParameterValue": value} for name, value in sorted(given.items())]
        return new + [{"ParameterKey": name, "UsePreviousValue": True} for name in sorted(kept)]

    def _change(self, kind: str, **what: Any) -> bool:
        name = f"gatehouse-{secrets.token_hex(8)}"
        made = {"StackName": self.name, "ChangeSetName": name}
        self._client.create_change_set(**made, ChangeSetType=kind, Capabilities=_CAPABILITIES, **what)
        if not self._is_ready(made):
            self._client.delete_change_set(**made)
            return False
        last = self._last_event()
        # What a failed creation has made holds no data yet: it goes, whatever its DeletionPolicy. An import takes
        # no such word.
        retain = {} if kind == "IMPORT" else {"RetainExceptOnCreate": True}
        self._client.execute_change_set(**made, **retain)
        self._follow(last)
        return True

    def _looks(self) -> Iterator[None]:
        """Comes round for each look, one at least, until time is up."""
        end = time.monotonic() + self._timeout
        yield
        while time.monotonic() < end:
            time.sleep(self._interval)
            yield

    def _late(self) -> RefusalError:
        return RefusalError(
            f"AWS is not done with {self.name} after {self._timeout:.0f} seconds, and may go on. The console of "
            "CloudFormation says what it waits for."
        )

    def _is_ready(self, change_set: Mapping[str, str]) -> bool:
        for _ in self._looks():
            found = self._client.describe_change_set(**change_set)
            match found["Status"]:
                case "CREATE_COMPLETE":
                    return True
                case "FAILED" if any(words in found.get("StatusReason", "") for words in _NOTHING):
                    return False
                case "FAILED":
                    causes = [found.get("StatusReason", ""), *self._invalid(ChangeSetName=found["ChangeSetId"])]
                    raise RefusalError("AWS refuses the template: " + "\n".join(causes))
        raise self._late()

    def _follow(self, after: str) -> None:
        """Waits until the stack has come to rest. Raises `RefusalError` where that is not where it should."""
        for _ in self._looks():
            events = self._events(after)
            # The newest first; those of the stack itself are told by its id.
            status = next((e["ResourceStatus"] for e in events if e.get("PhysicalResourceId") == e["StackId"]), "")
            if status in _DONE:
                return
            if status and not status.endswith("_IN_PROGRESS"):
                reasons = self._invalid(StackName=self.name) or _reasons(events)
                raise RefusalError("\n".join([f"the stack came to {status}. What failed first:", *reasons]))
        raise self._late()

    def _invalid(self, **operation: str) -> list[str]:
        """A line for each property that AWS refused before it made anything, in the last of the operations."""
        events = self._client.describe_events(**operation, Filters={"FailedEvents": True})["OperationEvents"]
        last = [event for event in events if event["OperationId"] == events[0]["OperationId"]]
        refused = [event for event in last if event["EventType"] == "VALIDATION_ERROR"]
        return [_line(event, event["ValidationStatusReason"]) for event in refused]

    def _last_event(self) -> str:
        (newest,) = self._events("", at_most=1)
        event_id: str = newest["EventId"]
        return event_id

    def _events(self, after: str, at_most: int | None = None) -> list[Any]:
        """The events that are younger than `after`, the newest first."""
        found: list[Any] = []
        for page in self._client.get_paginator("describe_stack_events").paginate(StackName=self.name):
            for event in page["StackEvents"]:
                if event["EventId"] == after or len(found) == at_most:
                    return found
                found.append(event)
        return found


def _reasons(events: list[Any]) -> list[str]:
    """A line for each of the resources that failed first; not for what was only given up because of them."""
    failed = [event for event in reversed(events) if event["ResourceStatus"].endswith("_FAILED")]
    causes = [event for event in failed if "cancelled" not in event.get("ResourceStatusReason", "")]
    return [_line(event, event.get("ResourceStatusReason", "no reason given")) for event in causes[:_MAX_REASONS]]


def _line(event: Mapping[str, Any], reason: str) -> str:
    return f"  {event['LogicalResourceId']} ({event['ResourceType']}): {reason}"
