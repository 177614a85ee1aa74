"""A stage's life: deployed, deployed again, changed, rolled back, deleted, and its data taken over."""

import base64
import hashlib
import json
import shutil
from collections.abc import Mapping
from contextlib import closing
from http.client import HTTPConnection, HTTPMessage
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zipfile import ZipFile

import pytest

from infra.deploy import deployment as command
from infra.deploy import releases
from infra.deploy.deployment import Deployment, stack_name
from infra.deploy.destroy import destroy
from infra.deploy.releases import Releases
from infra.emulated import deployed
from infra.package import build
from infra.refusal import RefusalError
from tests.infra.deploy.conftest import BUCKET, INTERVAL, deploy, unprotect

pytestmark = [pytest.mark.ministack, pytest.mark.xdist_group("deploy")]

TABLES = ("Users", "Sessions", "Keys", "Comments", "Revocations", "Attempts")

MARKED = b"""

@app.middleware("http")
def mark(event, get_response):
    response = get_response(event)
    response.headers["X-Release"] = "second"
    return response
"""


@pytest.fixture
def ready(packaged: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Packaging is proved elsewhere: here the package is there already."""
    monkeypatch.setattr(build, "package", lambda *_: packaged)


@pytest.fixture
def stage(dev: tuple[Deployment, str], operator: Mapping[str, str]) -> Deployment:
    """The stage that is deployed."""
    return dev[0]


def parameters(deployment: Deployment) -> dict[str, str]:
    stack = deployment.stack.described()
    assert stack is not None
    return {item["ParameterKey"]: item["ParameterValue"] for item in stack["Parameters"]}


def is_protected(deployment: Deployment) -> tuple[bool, set[bool]]:
    """Whether the stack is, and whether its tables are."""
    stack = deployment.stack.described()
    assert stack is not None
    dynamodb = deployment.account.client("dynamodb")
    described = [dynamodb.describe_table(TableName=name)["Table"] for name in tables(deployment)]
    return stack["EnableTerminationProtection"], {table["DeletionProtectionEnabled"] for table in described}


def version(deployment: Deployment) -> str:
    return releases.deployed_version(deployment.stack.template())


def headers(deployment: Deployment, aws: Mapping[str, str]) -> HTTPMessage:
    """Those of the JWK Set that the deployed API gives."""
    address = urlsplit(aws["AWS_ENDPOINT_URL"])
    api = deployment.stack.physical_ids()["RestAPI"]
    with closing(HTTPConnection(str(address.hostname), address.port)) as connection:
        connection.request("GET", f"/_aws/execute-api/{api}/api/.well-known/jwks.json")
        response = connection.getresponse()
        assert json.loads(response.read())["keys"]
        return response.headers


def tables(deployment: Deployment) -> set[str]:
    names: list[str] = deployment.account.client("dynamodb").list_tables()["TableNames"]
    return {name for name in names if name.startswith(deployment.stack.name)}


def stored(deployment: Deployment) -> Any:
    listed = deployment.account.client("s3").list_objects_v2(Bucket=BUCKET)["Contents"]
    return [(item["Key"], item["LastModified"]) for item in listed]


# ---- Its beginning ----


def test_a_new_stage_has_its_first_keys_at_once(stage: Deployment, aws: Mapping[str, str]) -> None:
    assert "max-age" in headers(stage, aws)["Cache-Control"]


def test_a_new_stage_says_where_it_is_and_which_version_it_is(dev: tuple[Deployment, str]) -> None:
    deployment, printed = dev
    first = printed.partition("version ")[2].partition(" ")[0]
    assert f"version {first} lies in s3://{BUCKET}/gatehouse-dev/{first}\n" in printed
    assert f"  API      https://{deployment.stack.physical_ids()['RestAPI']}.execute-api." in printed
    assert printed.count("\n  curl ") == 3
    assert "make rollback" not in printed  # there is nothing to go back to


def test_the_bucket_is_closed_sealed_and_versioned(stage: Deployment) -> None:
    s3 = stage.account.client("s3")
    closed = s3.get_public_access_block(Bucket=BUCKET)["PublicAccessBlockConfiguration"]
    sealed = s3.get_bucket_encryption(Bucket=BUCKET)["ServerSideEncryptionConfiguration"]["Rules"]
    assert set(closed.values()) == {True}
    assert sealed[0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    assert s3.get_bucket_versioning(Bucket=BUCKET)["Status"] == "Enabled"


# ---- Its changes ----


def test_the_second_time_there_is_nothing_to_change(
    stage: Deployment, ready: None, capsys: pytest.CaptureFixture[str]
) -> None:
    deploy(stage)
    before = stage.stack.described(), stored(stage)
    capsys.readouterr()
    deploy(stage)
    assert "nothing to change." in capsys.readouterr().out
    assert (stage.stack.described(), stored(stage)) == before


def test_a_parameter_keeps_its_value_until_it_is_given_another(stage: Deployment, ready: None) -> None:
    deploy(stage, parameters={"RequestsPerSecond": "77"})
    deploy(stage, parameters={"SignInsPerSecond": "8"})
    kept = parameters(stage)
    assert (kept["RequestsPerSecond"], kept["SignInsPerSecond"]) == ("77", "8")


def test_a_parameter_that_there_is_not_is_refused(stage: Deployment, ready: None) -> None:
    with pytest.raises(RefusalError, match=r"the template has no parameter Mood\. It has: .*RequestsPerSecond"):
        deploy(stage, parameters={"Mood": "good"})


def changed(packaged: Path, directory: Path, module: str, code: bytes) -> Path:
    """The package with more code at the end of one module, as good as packaged anew."""
    compiled = f"{Path(module).parent / '__pycache__' / Path(module).stem}."
    with ZipFile(packaged / "deployment.zip") as before, ZipFile(directory / "deployment.zip", "w") as after:
        for name in before.namelist():
            if not name.startswith(compiled):
                after.writestr(name, before.read(name) + (code if name == module else b""))
    for name in ("sam.yaml", "deployment.cdx.json"):
        shutil.copy(packaged / name, directory)
    return directory


def test_what_a_rollback_deploys_is_what_was_deployed(
    stage: Deployment, packaged: Path, tmp_path: Path, aws: Mapping[str, str],
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    first, second = version(stage), changed(packaged, tmp_path, "app.py", MARKED)
    monkeypatch.setattr(build, "package", lambda *_: second)
    deploy(stage)
    assert headers(stage, aws)["X-Release"] == "second"
    assert f"back     make rollback STAGE=dev VERSION={first}\n" in capsys.readouterr().out
    left = version(stage)

    monkeypatch.delattr(build, "package")  # nothing is packaged
    stage.roll_back(first)
    assert headers(stage, aws)["X-Release"] is None
    assert version(stage) == first

    capsys.readouterr()
    command.main(["dev", "--rollback"])
    told = {line.split("  ")[0]: line for line in capsys.readouterr().out.splitlines()}
    assert "deployed now" in told[first]
    assert "deployed now" not in told[left]


def test_a_version_that_there_is_not_is_refused(stage: Deployment) -> None:
    with pytest.raises(RefusalError, match=f"{BUCKET} has no version 0000 of gatehouse-dev"):
        stage.roll_back("0000")


def place(deployment: Deployment, version: str) -> dict[str, str]:
    """Where the zip of that version lies."""
    return {"Bucket": BUCKET, "Key": f"{deployment.stack.name}/{version}/deployment.zip"}


def running(deployment: Deployment) -> str:
    """The checksum of the code that the API's function runs, as Lambda tells it."""
    functions, ids = deployment.account.client("lambda"), deployment.stack.physical_ids()
    checksum: str = functions.get_function_configuration(FunctionName=ids["APIHandler"])["CodeSha256"]
    return checksum


def test_a_package_that_somebody_put_in_the_place_of_ours_is_not_deployed(
    stage: Deployment, packaged: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who knows the sources knows what the next version will be called."""
    before, ours = (version(stage), running(stage)), changed(packaged, tmp_path, "app.py", b"NEXT = 1\n")
    foreseen = Releases(stage.account.client("s3"), BUCKET, stage.account.id, "gatehouse-foreseen")
    named = foreseen.store(ours, deployed.known_to_ministack(build.template_in(ours))).version
    stage.account.client("s3").put_object(**place(stage, named), Body=b"planted")
    monkeypatch.setattr(build, "package", lambda *_: ours)
    with pytest.raises(RefusalError, match="somebody has written there"):
        deploy(stage)
    assert (version(stage), running(stage)) == before


def test_a_package_that_somebody_changed_since_is_not_rolled_back_to(
    stage: Deployment, packaged: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, s3, second = version(stage), stage.account.client("s3"), tmp_path
    monkeypatch.setattr(build, "package", lambda *_: changed(packaged, second, "app.py", b"SECOND = 1\n"))
    deploy(stage)
    before = version(stage), running(stage)
    planted = s3.put_object(**place(stage, first), Body=b"planted")["VersionId"]
    with pytest.raises(RefusalError, match="somebody has written there"):
        stage.roll_back(first)
    assert (version(stage), running(stage)) == before

    s3.delete_object(**place(stage, first), VersionId=planted)  # what docs/deploy.md says to do
    stage.roll_back(first)
    assert version(stage) == first


def test_a_package_that_somebody_changes_once_it_was_compared_is_not_deployed(
    stage: Deployment, packaged: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, ours = version(stage), changed(packaged, tmp_path, "app.py", b"COMPARED = 1\n")
    apply = stage.stack.apply

    def change_and_apply(url: str, template: Mapping[str, Any], parameters: Mapping[str, str]) -> bool:
        theirs = changed(packaged, directory, "app.py", b"PLANTED = 1\n") / "deployment.zip"
        named = releases.deployed_version(template)
        stage.account.client("s3").put_object(**place(stage, named), Body=theirs.read_bytes())
        return apply(url, template, parameters)

    directory = tmp_path / "theirs"
    directory.mkdir()
    monkeypatch.setattr(build, "package", lambda *_: ours)
    monkeypatch.setattr(stage.stack, "apply", change_and_apply)
    deploy(stage)
    checksum = hashlib.sha256((ours / "deployment.zip").read_bytes()).digest()
    assert running(stage) == base64.b64encode(checksum).decode()
    monkeypatch.setattr(stage.stack, "apply", apply)
    stage.roll_back(before)


def test_keys_that_cannot_be_made_are_told_with_the_log_that_says_why(
    stage: Deployment, packaged: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = version(stage)
    broken = changed(packaged, tmp_path, "chalicelib/schedule.py", b"raise RuntimeError")
    monkeypatch.setattr(build, "package", lambda *_: broken)
    log = stage.stack.physical_ids()["RotateKeysLogs"]
    with pytest.raises(RefusalError, match=f"its RotateKeys fails. `aws logs tail {log}` says why"):
        deploy(stage)
    stage.roll_back(before)


def with_table_and(template: dict[str, Any], **resource: Any) -> dict[str, Any]:
    """A template that makes a table, and then `resource`."""
    kept = {name: template[name] for name in ("Parameters", "Conditions")}
    table = template["Resources"]["Users"]
    return {**kept, "Resources": {"Users": table, "Failing": {"DependsOn": "Users", **resource}}}


def failing(template: dict[str, Any]) -> dict[str, Any]:
    """What AWS finds out on the way: the name of an alias begins with `alias/`."""
    return with_table_and(template, Type="AWS::KMS::Alias", Properties={"AliasName": "no", "TargetKeyId": "no"})


def taken(template: dict[str, Any]) -> dict[str, Any]:
    """What AWS finds out before it makes anything: the name is taken."""
    return with_table_and(template, Type="AWS::S3::Bucket", Properties={"BucketName": BUCKET})


def test_a_name_that_is_taken_is_told(stage: Deployment, prod: Deployment, ready: None) -> None:
    with pytest.raises(RefusalError, match=rf"What failed first:\n  Failing \(AWS::S3::Bucket\): .*{BUCKET}"):
        prod.deploy(transform=taken)


def test_a_creation_that_fails_says_what_failed_first_and_leaves_nothing(
    stage: Deployment, prod: Deployment, ready: None
) -> None:
    with pytest.raises(
        RefusalError, match=r"ROLLBACK_COMPLETE\. What failed first:\n  Failing \(AWS::KMS::Alias\): "
    ):
        prod.deploy(transform=failing)
    assert tables(prod) == set()
    with pytest.raises(RefusalError, match=r"is in ROLLBACK_COMPLETE, from which AWS updates nothing\. `make des"):
        deploy(prod)
    destroy("prod", lambda _: "gatehouse-prod", interval=INTERVAL)
    assert prod.stack.kind() == "CREATE"


def known_to_ministack(template: dict[str, Any]) -> dict[str, Any]:
    """The template without what ministack's CloudFormation cannot make."""
    made: dict[str, Any] = deployed.known_to_ministack(template)
    del made["Resources"]["WebAclOfApi"]
    return made


def test_a_customers_key_and_a_limit_by_address_are_turned_on_by_parameters(prod: Deployment, ready: None) -> None:
    kms, waf = prod.account.client("kms"), prod.account.client("wafv2")
    key = kms.create_key()["KeyMetadata"]["Arn"]
    given = {"KmsKeyArn": key, "GateReadsFeed": "true", "SignInsOfAddress": "100"}
    deploy(prod)
    prod.deploy(parameters=given, transform=known_to_ministack)

    made, dynamodb = prod.stack.physical_ids(), prod.account.client("dynamodb")
    described = [dynamodb.describe_table(TableName=made[name])["Table"] for name in TABLES]
    assert {table["SSEDescription"]["KMSMasterKeyArn"] for table in described} == {key}
    assert {"LogsKmsKeyPolicy", "TablesKmsKeyPolicy", "FeedKmsKeyPolicy"} <= made.keys()
    name, acl_id, scope = made["WebAcl"].split("|")
    (rule,) = waf.get_web_acl(Name=name, Id=acl_id, Scope=scope)["WebACL"]["Rules"]
    assert rule["Name"] == "sign-ins-of-address"
    assert int(rule["Statement"]["RateBasedStatement"]["Limit"]) == 100


# ---- Its end ----


def test_data_is_protected_until_a_parameter_takes_that_off_whatever_the_stage_is_called(
    stage: Deployment, ready: None
) -> None:
    """A deployment that says nothing of it leaves it as it is."""
    for value, protected in (("true", True), ("false", False)):
        deploy(stage, parameters={"ProtectData": value})
        deploy(stage)
        assert is_protected(stage) == (protected, {protected})


def test_data_is_protected_where_nothing_is_said(prod: Deployment, ready: None) -> None:
    deploy(prod)
    assert is_protected(prod) == (True, {True})
    with pytest.raises(
        RefusalError, match=r"gatehouse-prod is protected\. `make deploy STAGE=prod PARAMETERS=Protect"
    ):
        destroy("prod", lambda _: "gatehouse-prod", delete_data=True, interval=INTERVAL)


def test_whoever_types_another_name_deletes_nothing(stage: Deployment) -> None:
    with pytest.raises(RefusalError, match=r"that is not its name\. Nothing was deleted\."):
        destroy("dev", lambda _: "gatehouse-prod", interval=INTERVAL)
    assert stage.stack.kind() == "UPDATE"


def test_what_holds_data_outlives_its_stack_unless_told_otherwise(
    prod: Deployment, ready: None, capsys: pytest.CaptureFixture[str]
) -> None:
    def destroyed(**options: bool) -> str:
        capsys.readouterr()
        destroy("prod", lambda _: stack_name("prod"), interval=INTERVAL, **options)
        return capsys.readouterr().out

    deploy(prod)
    dynamodb, before = prod.account.client("dynamodb"), prod.stack.physical_ids()
    dynamodb.put_item(TableName=before["Users"], Item={"pk": {"S": "kept"}})
    with pytest.raises(RefusalError, match=r"gatehouse-prod is protected\..* --no-enable-termination-protection"):
        destroyed()
    unprotect(prod.stack)
    told = destroyed()
    assert prod.stack.described() is None
    assert tables(prod) == {before[name] for name in TABLES}

    adopted = command.pairs(told.partition('ADOPT="')[2].partition('"')[0], "ADOPT")
    deploy(prod, adopted=adopted)
    after = prod.stack.physical_ids()
    assert {name: after[name] for name in (*TABLES, "SealingKey")} == adopted
    assert "Item" in dynamodb.get_item(TableName=after["Users"], Key={"pk": {"S": "kept"}})

    unprotect(prod.stack)
    destroyed(delete_data=True)
    assert tables(prod) == set()
    key = prod.account.client("kms").describe_key(KeyId=after["SealingKey"])["KeyMetadata"]
    assert key["KeyState"] == "PendingDeletion"


def test_a_stack_that_exists_adopts_nothing(stage: Deployment, ready: None) -> None:
    with pytest.raises(RefusalError, match="ADOPT is for a new stack, and gatehouse-dev exists"):
        deploy(stage, adopted={"Users": "users"})


def test_only_what_holds_data_can_be_adopted(stage: Deployment, prod: Deployment, ready: None) -> None:
    with pytest.raises(RefusalError, match=r"Gate can't be adopted\. ADOPT takes .*SealingKey"):
        deploy(prod, adopted={"Gate": "gate"})
