"""Versions of a deployment, each kept whole: `s3://BUCKET/STACK/VERSION/` holds its zip, SBOM and template.

A version is named by the SHA-256 of what it consists of. So its name, which the operator has, tells whether what
lies there is still that: whoever may write to the bucket can change a version, and not make another of its name.
What was compared is what is deployed: zip and template are told to AWS by S3's ids of their bytes.

By hand: `aws cloudformation package` takes what lies at a key without a look, as long as there is something.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from botocore.exceptions import ClientError

from infra.package.build import SBOM, ZIP
from infra.refusal import RefusalError

_TEMPLATE = "template.json"
_PACKAGED = b'"CodeUri":"./deployment.zip"'  # how the packaged template names the zip
_DIGITS = 40  # 160 bits: too many for whoever looks for two packages of one name


@dataclass(frozen=True, slots=True)
class Release:
    """One version: its template, which names the zip in the bucket, and the address of that template."""

    version: str
    template: Mapping[str, Any]
    url: str


class Releases:
    """The versions of the stack `stack` in `bucket`, which must belong to `account`. `s3` is a boto3 client."""

    def __init__(self, s3: Any, bucket: str, account: str, stack: str) -> None:
        self.bucket = bucket
        self._s3 = s3
        self._place = {"Bucket": bucket, "ExpectedBucketOwner": account}
        self._stack = stack

    def check(self, *, create: bool) -> None:
        """Raises `RefusalError` where the bucket is missing and not to be made, not ours, or not versioned."""
        try:
            self._s3.head_bucket(**self._place)
        except ClientError as error:
            if error.response["Error"]["Code"] not in {"404", "NoSuchBucket"}:
                raise RefusalError(
                    f"the bucket {self.bucket} belongs to another account, lies in another region, or you may not "
                    "use it. BUCKET=… names another."
                ) from None
            if not create:
                raise RefusalError(
                    f"the bucket {self.bucket} for the packages is missing. CREATE_BUCKET=yes makes it, BUCKET=… "
                    "names another."
                ) from None
            self._create()
        if self._s3.get_bucket_versioning(**self._place).get("Status") != "Enabled":
            raise RefusalError(
                f"the bucket {self.bucket} is not versioned, so what was compared could be changed before it is "
                f"deployed. `aws s3api put-bucket-versioning --bucket {self.bucket} --versioning-configuration "
                "Status=Enabled` makes it so."
            )

    def _create(self) -> None:
        region = self._s3.meta.region_name
        # S3 takes every region but its first as a constraint.
        where = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        self._s3.create_bucket(Bucket=self.bucket, **where)
        closed = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
        self._s3.put_public_access_block(**self._place, PublicAccessBlockConfiguration=dict.fromkeys(closed, True))
        sealed = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}
        self._s3.put_bucket_encryption(**self._place, ServerSideEncryptionConfiguration=sealed)
        self._s3.put_bucket_versioning(**self._place, VersioningConfiguration={"Status": "Enabled"})

    def store(self, package: Path, template: Mapping[str, Any]) -> Release:
        """Stores the package in the directory `package`, with `template`, and gives it as a release.

        Raises `RefusalError` where something else lies in its place.
        """
        code, sbom, packaged = (package / ZIP).read_bytes(), (package / SBOM).read_bytes(), _json(template)
        version = _name(code, sbom, packaged)
        address = self._address(version, self._keep(version, ZIP, code))
        self._keep(version, SBOM, sbom)
        placed = packaged.replace(_PACKAGED, address)
        return self._release(version, placed, self._keep(version, _TEMPLATE, placed))  # last: now it is whole

    def load(self, version: str) -> Release:
        """The release of that version. Raises `RefusalError` where it isn't stored, or is not what it was."""
        found = {name: self._get(version, name) for name in (ZIP, SBOM, _TEMPLATE)}
        if found[_TEMPLATE] is None:
            raise RefusalError(
                f"{self.bucket} has no version {version} of {self._stack}. Without VERSION you see which it has."
            )
        (code, code_id), (sbom, _), (placed, template_id) = (each or (b"", "") for each in found.values())
        address = self._address(version, code_id)
        packaged = placed.replace(address, _PACKAGED)
        if _name(code, sbom, packaged) != version or packaged.replace(_PACKAGED, address) != placed:
            raise self._changed(version)
        return self._release(version, placed, template_id)

    def versions(self) -> list[tuple[str, datetime]]:
        """Every version and when it was stored, the newest first."""
        pages = self._s3.get_paginator("list_objects_v2").paginate(**self._place, Prefix=f"{self._stack}/")
        stored = [item for page in pages for item in page.get("Contents", [])]
        templates = [item for item in stored if item["Key"].endswith(f"/{_TEMPLATE}")]
        newest = sorted(templates, key=lambda item: item["LastModified"], reverse=True)
        return [(item["Key"].split("/")[-2], item["LastModified"]) for item in newest]

    def _release(self, version: str, placed: bytes, template_id: str) -> Release:
        where = f"{self._s3.meta.endpoint_url}/{self.bucket}/{self._key(version, _TEMPLATE)}"
        return Release(version, json.loads(placed), f"{where}?versionId={quote(template_id, safe='')}")

    def _key(self, version: str, name: str) -> str:
        return f"{self._stack}/{version}/{name}"

    def _address(self, version: str, version_id: str) -> bytes:
        """How the template names the zip in the bucket, as `_PACKAGED` in ours."""
        return b'"CodeUri":' + _json(
            {"Bucket": self.bucket, "Key": self._key(version, ZIP), "Version": version_id}
        )

    def _keep(self, version: str, name: str, body: bytes) -> str:
        """Stores `body`, where it isn't yet, and gives S3's id of it. Raises `RefusalError` where another is."""
        there = self._get(version, name)
        if there is None:
            stored = self._s3.put_object(**self._place, Key=self._key(version, name), Body=body)
            return self._id(stored)
        if there[0] != body:
            raise self._changed(version)
        return there[1]

    def _get(self, version: str, name: str) -> tuple[bytes, str] | None:
        """What lies there now, and S3's id of it; None: nothing."""
        try:
            stored = self._s3.get_object(**self._place, Key=self._key(version, name))
        except ClientError as error:
            if error.response["Error"]["Code"] not in {"404", "NoSuchKey"}:
                raise
            return None
        return stored["Body"].read(), self._id(stored)

    def _id(self, stored: Mapping[str, Any]) -> str:
        if "VersionId" not in stored:  # "Using versioning in S3 buckets", Amazon S3 User Guide: up to 15 minutes
            raise RefusalError(
                f"S3 doesn't know everywhere yet that {self.bucket} is versioned. Try again in 15 minutes."
            )
        return str(stored["VersionId"])

    def _changed(self, version: str) -> RefusalError:
        return RefusalError(
            f"what lies in s3://{self.bucket}/{self._stack}/{version} is not that version: somebody has written "
            'there. Nothing was deployed. docs/deploy.md, "What is deployed", says what to do.'
        )


def deployed_version(template: Mapping[str, Any]) -> str:
    """The version that a deployed template names; empty where it has no code yet, only what it has adopted."""
    function = template["Resources"].get("APIHandler")
    return function["Properties"]["CodeUri"]["Key"].split("/")[-2] if function else ""


def _name(code: bytes, sbom: bytes, packaged: bytes) -> str:
    """The name of the version that consists of these: its zip, its SBOM, its template before it names the zip."""
    digests = b"".join(hashlib.sha256(part).digest() for part in (code, sbom, packaged))
    return hashlib.sha256(digests).hexdigest()[:_DIGITS]


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
