"""`python -m infra.deploy.destroy STAGE`: deletes the stack. What holds data stays, unless that is to go too."""

import argparse
import sys
from collections.abc import Callable, Mapping
from typing import Any

from infra import refusal
from infra.deploy import account
from infra.deploy.account import Account
from infra.deploy.cloudformation import IDENTIFIERS, Stack
from infra.deploy.deployment import LOOK_EVERY, stack_name
from infra.package import build
from infra.refusal import RefusalError

# For so long a key's deletion can be called off (`aws kms cancel-key-deletion`): the longest that AWS has.
KEY_WAITS = 30  # days


def destroy(
    stage: str, ask: Callable[[str], str], *, delete_data: bool = False, interval: float = LOOK_EVERY
) -> None:
    """Deletes the stack once `ask` has answered with its name; with `delete_data` the tables too, and the key is
    scheduled for deletion. Raises `RefusalError`."""
    build.check(stage)
    found = account.find()
    stack = Stack(found.client("cloudformation"), stack_name(stage), interval)
    described = stack.described()
    if described is None:
        raise RefusalError(f"there is no stack {stack.name} in account {found.id}, {found.region}.")
    name = stack.name
    if described.get("EnableTerminationProtection"):
        raise RefusalError(
            f"{name} is protected. `make deploy STAGE={stage} PARAMETERS=ProtectData=false` takes that off; so "
            f"does `aws cloudformation update-termination-protection --stack-name {name} "
            "--no-enable-termination-protection`."
        )
    kept = _retained(stack)
    fate = "with ALL ITS DATA" if delete_data else "and keep its data"
    if ask(f"Delete {name} in account {found.id}, {found.region}, {fate}? Type its name: ") != name:
        raise RefusalError("that is not its name. Nothing was deleted.")
    print(f"Deleting the stack {name} …", flush=True)
    stack.delete()
    if delete_data:
        _delete_data(found, kept)
    else:
        _print_kept(stage, kept)


def _retained(stack: Stack) -> dict[str, tuple[str, str]]:
    """Type and physical id, by logical id, of what the stack's end leaves."""
    physical_ids = stack.physical_ids()
    resources = stack.template()["Resources"]
    return {
        name: (resources[name]["Type"], physical_id)
        for name, physical_id in physical_ids.items()
        if resources.get(name, {}).get("DeletionPolicy") == "Retain"
    }


def _print_kept(stage: str, kept: Mapping[str, tuple[str, str]]) -> None:
    print("done. What is still there:" if kept else "done. Nothing is left of it.")
    for _, (kind, physical_id) in sorted(kept.items()):
        print(f"  {kind:21} {physical_id}")
    data = {name: physical_id for name, (kind, physical_id) in sorted(kept.items()) if kind in IDENTIFIERS}
    if data:
        adopted = " ".join(f"{name}={physical_id}" for name, physical_id in data.items())
        print(f'\nA new stack takes the data over:\n  make deploy STAGE={stage} ADOPT="{adopted}"')


def _delete_data(found: Account, kept: Mapping[str, tuple[str, str]]) -> None:
    dynamodb, kms = found.client("dynamodb"), found.client("kms")
    for kind, physical_id in kept.values():
        if kind == "AWS::DynamoDB::Table":
            _delete_table(dynamodb, physical_id)
            print(f"  deleted {physical_id}")
        elif kind == "AWS::KMS::Key":
            kms.schedule_key_deletion(KeyId=physical_id, PendingWindowInDays=KEY_WAITS)
            print(
                f"  the key {physical_id} goes in {KEY_WAITS} days; "
                "`aws kms cancel-key-deletion --key-id` keeps it"
            )
        else:
            print(f"  kept {physical_id} ({kind})")


def _delete_table(dynamodb: Any, name: str) -> None:
    if dynamodb.describe_table(TableName=name)["Table"].get("DeletionProtectionEnabled"):
        dynamodb.update_table(TableName=name, DeletionProtectionEnabled=False)
        dynamodb.get_waiter("table_exists").wait(TableName=name)
    dynamodb.delete_table(TableName=name)


def main(arguments: list[str]) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m infra.deploy.destroy")
    parser.add_argument("stage")
    parser.add_argument("--yes", default="", help="yes: doesn't ask")
    parser.add_argument("--delete-data", default="", help="yes: the tables and the key too")
    given = parser.parse_args(arguments)
    ask = (lambda _: stack_name(given.stage)) if given.yes == "yes" else _input
    destroy(given.stage, ask, delete_data=given.delete_data == "yes")


def _input(question: str) -> str:
    try:
        return input(question)
    except EOFError:
        return ""


if __name__ == "__main__":
    refusal.run(lambda: main(sys.argv[1:]))
