"""Versions of a deployment, each kept whole: `s3://BUCKET/STACK/VERSION/` holds its zip and its template.

A version is named after what it consists of, so nothing is stored twice and nothing is written over.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from infra.refusal import RefusalError

_ZIP, _TEMPLATE = "deployment.zip", "template.json"
_PACKAGED = "./deployment.zip"  # how the packaged template names the zip
_DIGITS = 12


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
        """Raises `RefusalError` where the bucket is missing and not to be made, or not ours."""
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

    def _create(self) -> None:
        region = self._s3.meta.region_name
        # S3 takes every region but its first as a constraint.
        where = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        self._s3.create_bucket(Bucket=self.bucket, **where)
        closed = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
        self._s3.put_public_access_block(**self._place, PublicAccessBlockConfiguration=dict.fromkeys(closed, True))
        sealed = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}
        self._s3.put_bucket_encryption(**self._place, ServerSideEncryptionConfiguration=sealed)

    def store(self, package: Path, template: Mapping[str, Any]) -> Release:
        """Stores the package in the directory `package`, with `template`, and gives it as a release."""
        code = (package / _ZIP).read_bytes()
        version = hashlib.sha256(hashlib.sha256(code).digest() + _json(template)).hexdigest()[:_DIGITS]
        placed = _placed(template, f"s3://{self.bucket}/{self._key(version, _ZIP)}")
        self._put(self._key(version, _ZIP), code)
        self._put(self._key(version, _TEMPLATE), _json(placed))  # last: it says that the version is whole
        return self._release(version, placed)

    def load(self, version: str) -> Release:
        """The release of that version. Raises `RefusalError` where it isn't stored."""
        try:
            stored = self._s3.get_object(**self._place, Key=self._key(version, _TEMPLATE))
        except ClientError as error:
            if error.response["Error"]["Code"] not in {"404", "NoSuchKey"}:
                raise
            raise RefusalError(
                f"{self.bucket} has no version {version} of {self._stack}. Without VERSION you see which it has."
            ) from None
        return self._release(version, json.loads(stored["Body"].read()))

    def versions(self) -> list[tuple[str, datetime]]:
        """Every version and when it was stored, the newest first."""
        pages = self._s3.get_paginator("list_objects_v2").paginate(**self._place, Prefix=f"{self._stack}/")
        stored = [item for page in pages for item in page.get("Contents", [])]
        templates = [item for item in stored if item["Key"].endswith(f"/{_TEMPLATE}")]
        newest = sorted(templates, key=lambda item: item["LastModified"], reverse=True)
        return [(item["Key"].split("/")[-2], item["LastModified"]) for item in newest]

    def _release(self, version: str, template: Mapping[str, Any]) -> Release:
        address = f"{self._s3.meta.endpoint_url}/{self.bucket}/{self._key(version, _TEMPLATE)}"
        return Release(version, template, address)

    def _key(self, version: str, name: str) -> str:
        return f"{self._stack}/{version}/{name}"

    def _put(self, key: str, body: bytes) -> None:
        try:
            self._s3.head_object(**self._place, Key=key)
        except ClientError as error:
            if error.response["Error"]["Code"] not in {"404", "NoSuchKey"}:
                raise
            self._s3.put_object(**self._place, Key=key, Body=body)


def deployed_version(template: Mapping[str, Any]) -> str:
    """The version that a deployed template names; empty where it has no code yet, only what it has adopted."""
    function = template["Resources"].get("APIHandler")
    return function["Properties"]["CodeUri"].split("/")[-2] if function else ""


def _placed(template: Mapping[str, Any], address: str) -> Any:
    """`template` with the zip at `address`."""
    placed = json.loads(_json(template))
    for resource in placed["Resources"].values():
        if resource.get("Properties", {}).get("CodeUri") == _PACKAGED:
            resource["Properties"]["CodeUri"] = address
    return placed


def _json(template: Mapping[str, Any]) -> bytes:
    return json.dumps(template, sort_keys=True, separators=(",", ":")).encode()
