"""`python -m infra.deploy STAGE` and `… --rollback [VERSION]`: a stage in the AWS account of the environment.

What is missing is said before anything is done. Done twice, it changes nothing the second time.
"""

import argparse
import json
import shlex
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from infra.deploy import account, releases
from infra.deploy.account import Account
from infra.deploy.cloudformation import IDENTIFIERS, Stack
from infra.deploy.releases import Release, Releases
from infra.emulated.lambda_events import SCHEDULED
from infra.package import build, runtimes
from infra.refusal import RefusalError

LOOK_EVERY = 3.0  # seconds
_ATTEMPTS = 5

Transform = Callable[[dict[str, Any]], dict[str, Any]]


class Deployment:
    """The stage `stage` in an account. `bucket` holds its versions; empty: the account's own.

    Raises `RefusalError`.
    """

    def __init__(self, stage: str, bucket: str = "", interval: float = LOOK_EVERY) -> None:
        build.check(stage)
        self.stage = stage
        self.account: Account = account.find()
        self.stack = Stack(self.account.client("cloudformation"), stack_name(stage), interval)
        name = bucket or self.account.bucket
        self.releases = Releases(self.account.client("s3"), name, self.account.id, self.stack.name)
        self._interval = interval

    def deploy(
        self,
        architecture: str | None = None,
        parameters: Mapping[str, str] | None = None,
        adopted: Mapping[str, str] | None = None,
        *,
        create_bucket: bool = False,
        project: Path = build.ROOT,
        transform: Transform = dict,
    ) -> None:
        """Packages the app in `project` and makes the stack of it, with new values of `parameters`.

        `adopted` are tables and the key of a stack that was deleted, physical by logical ids. `transform`
        changes the template on its way. Raises `RefusalError`.
        """
        runtimes.supported(datetime.now(UTC).date())
        account.check_access_logs(self.account)
        new = self.stack.kind() == "CREATE"
        if adopted and not new:
            raise RefusalError(f"ADOPT is for a new stack, and {self.stack.name} exists.")
        self.releases.check(create=create_bucket)
        made = build.package(self.stage, architecture, self.account.region, project)
        print(build.described(made), flush=True)
        release = self.releases.store(made, transform(build.template_in(made)))
        print(
            f"\nversion {release.version} lies in s3://{self.releases.bucket}/{self.stack.name}/{release.version}"
        )
        if adopted:
            self._adopt(release, adopted, parameters or {})
        self._apply(release, parameters or {})

    def roll_back(self, version: str) -> None:
        """Makes the stack of a version that is stored. Raises `RefusalError`."""
        self.releases.check(create=False)
        self._apply(self.releases.load(version), {})

    def print_versions(self) -> None:
        """Which versions are stored, and which of them is deployed."""
        now = releases.deployed_version(self.stack.template()) if self.stack.described() else ""
        for version, stored in self.releases.versions():
            print(f"{version}  stored {stored:%Y-%m-%d %H:%M} UTC{'  deployed now' if version == now else ''}")
        print(f"\nmake rollback STAGE={self.stage} VERSION=… deploys one of them again.")

    def _adopt(self, release: Release, adopted: Mapping[str, str], parameters: Mapping[str, str]) -> None:
        can = [name for name, item in release.template["Resources"].items() if item["Type"] in IDENTIFIERS]
        unknown = sorted(adopted.keys() - set(can))
        if unknown:
            raise RefusalError(f"{', '.join(unknown)} can't be adopted. ADOPT takes {', '.join(can)}.")
        print(f"Taking {', '.join(adopted)} over …", flush=True)
        self.stack.adopt(release.template, adopted, parameters)

    def _apply(self, release: Release, parameters: Mapping[str, str]) -> None:
        stack = self.stack.described()
        before = releases.deployed_version(self.stack.template()) if stack else ""
        print(f"{'Updating' if stack else 'Creating'} the stack {self.stack.name} …", flush=True)
        changed = self.stack.apply(release.url, release.template, parameters)
        print("done." if changed else "nothing to change.", flush=True)
        self._protect()
        self._rotate_keys()
        self._print_end(release.version, before)

    def _protect(self) -> None:
        """Protects the stack from deletion where its tables are, and not where they are not."""
        parameters = (self.stack.described() or {}).get("Parameters", [])
        for parameter in parameters:
            if parameter["ParameterKey"] == "ProtectData":
                self.stack.protect(protected=parameter["ParameterValue"] == "true")

    def _rotate_keys(self) -> None:
        """Makes the first keys now, not at the schedule's first run. Where keys are, it does nothing."""
        made = self.stack.physical_ids()
        for _ in range(_ATTEMPTS):
            answer = self.account.client("lambda").invoke(
                FunctionName=made["RotateKeys"], Payload=json.dumps(SCHEDULED)
            )
            if "FunctionError" not in answer:
                return
            time.sleep(self._interval)  # IAM takes a while until it knows a new role's policies everywhere
        raise RefusalError(
            f"the stack is deployed, but its RotateKeys fails. `aws logs tail {made['RotateKeysLogs']}` says why."
        )

    def _print_end(self, version: str, before: str) -> None:
        outputs = {item["OutputKey"]: item["OutputValue"] for item in (self.stack.described() or {})["Outputs"]}
        url = outputs["EndpointURL"].rstrip("/")
        print(f"\n  API      {url}\n  version  {version}")
        if before and before != version:
            print(f"  back     make rollback STAGE={self.stage} VERSION={before}")
        print(f"\nTo paste:\n  curl {url}/.well-known/jwks.json")
        print(f"  curl --include {url}/me")
        print(f"  curl --user USERNAME --request POST {url}/tokens")


def stack_name(stage: str) -> str:
    """The name of the stack of `stage`."""
    return f"gatehouse-{stage}"


def pairs(text: str, option: str) -> dict[str, str]:
    """`A=1 B='2 3'` as a mapping. Raises `RefusalError`, which names `option`."""
    words = [word.partition("=") for word in shlex.split(text)]
    if not all(name and equals for name, equals, _ in words):
        raise RefusalError(f'{option} is written {option}="Name=value Other=value".')
    return {name: value for name, _, value in words}


def main(arguments: list[str]) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m infra.deploy")
    parser.add_argument("stage")
    parser.add_argument("--architecture", default=None, help="x86_64 or arm64")
    parser.add_argument("--bucket", default="", help="where the packages lie")
    parser.add_argument("--create-bucket", default="", help="yes: makes it where it is missing")
    parser.add_argument("--parameters", default="", help="new values of the template's parameters: Name=value …")
    parser.add_argument("--adopt", default="", help="tables and key that a deleted stack left: LogicalId=name …")
    parser.add_argument("--rollback", nargs="?", const="", default=None, help="deploys a stored version again")
    given = parser.parse_args(arguments)
    deployment = Deployment(given.stage, given.bucket)
    print(f"{deployment.stack.name} in account {deployment.account.id}, {deployment.account.region}", flush=True)
    if given.rollback:
        deployment.roll_back(given.rollback)
    elif given.rollback is not None:
        deployment.print_versions()
    else:
        deployment.deploy(
            given.architecture,
            pairs(given.parameters, "PARAMETERS"),
            pairs(given.adopt, "ADOPT"),
            create_bucket=given.create_bucket == "yes",
        )
