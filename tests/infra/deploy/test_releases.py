"""A version in the bucket is taken for what it was packaged as, or not at all, whoever else writes there."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from infra.deploy import account
from infra.deploy.releases import Release, Releases
from infra.package import build
from infra.refusal import RefusalError
from tests.infra.deploy.conftest import BUCKET

pytestmark = [pytest.mark.ministack, pytest.mark.xdist_group("deploy")]

FILES = ("deployment.zip", "deployment.cdx.json", "template.json")
REFUSED = r"is not that version: somebody has written there\. Nothing was deployed\."


class Bucket:
    """The versions of one stack, and whoever may write there."""

    def __init__(self, s3: Any, stack: str, package: Path) -> None:
        account_id = account.find().id
        self.s3, self.stack, self.releases = s3, stack, Releases(s3, BUCKET, account_id, stack)
        self.releases.check(create=True)
        self._package = package

    def store(self) -> Release:
        return self.releases.store(self._package, build.template_in(self._package))

    def write(self, version: str, name: str, body: bytes) -> str:
        """S3's id of what is written."""
        put = self.s3.put_object(Bucket=BUCKET, Key=f"{self.stack}/{version}/{name}", Body=body)
        return str(put["VersionId"])

    def read(self, version: str, name: str, **which: str) -> bytes:
        got = self.s3.get_object(Bucket=BUCKET, Key=f"{self.stack}/{version}/{name}", **which)
        body: bytes = got["Body"].read()
        return body


@pytest.fixture
def bucket(operator: Mapping[str, str], packaged: Path, tmp_path: Path) -> Bucket:
    """The bucket as nobody has stored anything there."""
    return Bucket(account.find().client("s3"), f"stack-{tmp_path.name}", packaged)


@pytest.fixture
def version(operator: Mapping[str, str], packaged: Path) -> str:
    """The name of the package's version. Stacks share the bucket, not their versions."""
    return Bucket(account.find().client("s3"), "stack-elsewhere", packaged).store().version


def test_what_was_stored_is_loaded(bucket: Bucket) -> None:
    stored = bucket.store()
    assert bucket.releases.load(stored.version) == stored
    assert bucket.store() == stored


def test_the_sbom_lies_beside_the_zip(bucket: Bucket, packaged: Path) -> None:
    version = bucket.store().version
    for name in ("deployment.zip", "deployment.cdx.json"):
        assert bucket.read(version, name) == (packaged / name).read_bytes()


@pytest.mark.parametrize("name", FILES)
def test_what_lay_there_before_a_deployment_is_refused(bucket: Bucket, version: str, name: str) -> None:
    bucket.write(version, name, b"planted")
    with pytest.raises(RefusalError, match=REFUSED):
        bucket.store()


@pytest.mark.parametrize("name", FILES)
def test_what_was_changed_since_is_refused_at_the_next_deployment(bucket: Bucket, name: str) -> None:
    bucket.write(bucket.store().version, name, b"planted")
    with pytest.raises(RefusalError, match=REFUSED):
        bucket.store()


@pytest.mark.parametrize("name", FILES)
def test_what_was_changed_since_is_refused_at_a_rollback(bucket: Bucket, name: str) -> None:
    version = bucket.store().version
    bucket.write(version, name, b"planted")
    with pytest.raises(RefusalError, match=REFUSED):
        bucket.releases.load(version)


@pytest.mark.parametrize("name", FILES[:2])
def test_what_is_gone_is_refused_at_a_rollback(bucket: Bucket, name: str) -> None:
    version = bucket.store().version
    bucket.s3.delete_object(Bucket=BUCKET, Key=f"{bucket.stack}/{version}/{name}")
    with pytest.raises(RefusalError, match=REFUSED):
        bucket.releases.load(version)


def of_their_zip(bucket: Bucket, version: str) -> bytes:
    """A template that names the zip that lies there now."""
    body = bucket.read(version, "template.json")
    ours = json.loads(body)["Resources"]["Gate"]["Properties"]["CodeUri"]["Version"]
    return body.replace(ours.encode(), bucket.write(version, "deployment.zip", b"planted").encode())


def of_a_passing_zip(bucket: Bucket, version: str) -> bytes:
    """A template that names a zip that lay there for a moment."""
    ours = bucket.read(version, "deployment.zip")
    body = of_their_zip(bucket, version)
    bucket.write(version, "deployment.zip", ours)
    return body


def of_no_zip(bucket: Bucket, version: str) -> bytes:
    """A template as it was packaged, before it named the zip."""
    template = json.loads(bucket.read(version, "template.json"))
    for resource in template["Resources"].values():
        if "CodeUri" in resource.get("Properties", {}):
            resource["Properties"]["CodeUri"] = "./deployment.zip"
    return json.dumps(template, sort_keys=True, separators=(",", ":")).encode()


def of_two_readings(bucket: Bucket, version: str) -> bytes:
    """A template that one parser reads as ours, and another as theirs."""
    body = bucket.read(version, "template.json")
    return b'{"Resources":{},' + body[1:]


@pytest.mark.parametrize("made", [of_their_zip, of_a_passing_zip, of_no_zip, of_two_readings])
def test_a_template_that_looks_like_ours_is_refused(bucket: Bucket, made: Callable[[Bucket, str], bytes]) -> None:
    version = bucket.store().version
    bucket.write(version, "template.json", made(bucket, version))
    with pytest.raises(RefusalError, match=REFUSED):
        bucket.releases.load(version)


def test_what_was_compared_is_named_by_the_ids_that_s3_never_gives_again(bucket: Bucket, packaged: Path) -> None:
    release = bucket.store()
    before = bucket.read(release.version, "template.json")
    for name in FILES:
        bucket.write(release.version, name, b"planted")
    places = [
        release.template["Resources"][name]["Properties"]["CodeUri"]
        for name in ("APIHandler", "Gate", "RotateKeys")
    ]
    assert places[0] == places[1] == places[2]
    code = bucket.s3.get_object(Bucket=places[0]["Bucket"], Key=places[0]["Key"], VersionId=places[0]["Version"])
    assert code["Body"].read() == (packaged / "deployment.zip").read_bytes()
    address, _, template_id = release.url.partition("?versionId=")
    assert address.endswith(f"/{BUCKET}/{bucket.stack}/{release.version}/template.json")
    assert bucket.read(release.version, "template.json", VersionId=template_id) == before


def test_storing_goes_on_where_it_was_interrupted(bucket: Bucket, version: str, packaged: Path) -> None:
    bucket.write(version, "deployment.zip", (packaged / "deployment.zip").read_bytes())
    assert bucket.releases.load(bucket.store().version).version == version


def test_a_bucket_that_s3_does_not_know_to_be_versioned_everywhere_is_told(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bucket.s3, "put_object", lambda **_: {})
    with pytest.raises(RefusalError, match=r"S3 doesn't know everywhere yet that .* is versioned\. Try again"):
        bucket.store()


def test_a_name_has_as_many_digits_as_nobody_can_search_through(version: str) -> None:
    assert len(version) * 4 >= 160
