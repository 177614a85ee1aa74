"""The SBOM beside the zip: CycloneDX, and true of what lies in the zip."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.utils import canonicalize_name

from chalicelib.version import VERSION
from infra.package import lock, runtimes

pytestmark = pytest.mark.xdist_group("deploy")


@pytest.fixture(scope="module")
def written(packaged: Path) -> str:
    return (packaged / "deployment.cdx.json").read_text()


@pytest.fixture(scope="module")
def components(written: str) -> Mapping[str, Mapping[str, Any]]:
    """Those of the SBOM by their distributions."""
    return {canonicalize_name(one["name"]): one for one in json.loads(written)["components"]}


def test_it_is_what_the_schema_of_cyclonedx_says(written: str) -> None:
    validator = JsonStrictValidator(SchemaVersion.V1_6)
    assert validator.validate_str(written) is None
    assert json.loads(written)["specVersion"] == SchemaVersion.V1_6.to_version()
    assert validator.validate_str(written.replace('"library"', '"book"', 1)) is not None


def test_it_is_of_the_zip_beside_it(written: str, packaged: Path) -> None:
    ours = json.loads(written)["metadata"]["component"]
    digest = hashlib.sha256((packaged / "deployment.zip").read_bytes()).hexdigest()
    assert ours["hashes"] == [{"alg": "SHA-256", "content": digest}]
    assert (ours["name"], ours["version"]) == ("gatehouse", VERSION)
    assert {one["name"]: one["value"] for one in ours["properties"]} == {
        "gatehouse:runtime": runtimes.known().identifier,
        "gatehouse:architecture": "x86_64",
    }


def test_its_components_are_the_distributions_in_the_zip(components: Mapping[str, Any], packaged: Path) -> None:
    with ZipFile(packaged / "deployment.zip") as zipped:
        infos = {name.split(".dist-info/")[0] for name in zipped.namelist() if ".dist-info/" in name}
    there = {(canonicalize_name(name), version) for name, _, version in (info.partition("-") for info in infos)}
    assert {(name, one["version"]) for name, one in components.items()} == there


def test_each_component_is_named_as_pypi_does_with_hash_and_licence(components: Mapping[str, Any]) -> None:
    locked = lock.LOCK.read_text()
    for name, component in components.items():
        assert component["purl"] == f"pkg:pypi/{name}@{component['version']}"
        (wheel,) = component["hashes"]
        assert wheel["alg"] == "SHA-256"
        entry = locked.partition(f"\n{name}=={component['version']} \\\n")[2].partition("==")[0]
        assert f"--hash=sha256:{wheel['content']}" in entry
        assert component["licenses"]


def test_what_is_linked_into_a_wheel_is_named_too(components: Mapping[str, Any], packaged: Path) -> None:
    linked = {
        one["name"]: one for one in components["cryptography"]["components"] if one["purl"].startswith("pkg:g")
    }
    with ZipFile(packaged / "deployment.zip") as zipped:
        (library,) = (name for name in zipped.namelist() if "/_rust" in name and name.endswith(".so"))
        assert f"OpenSSL {linked['openssl']['version']} ".encode() in zipped.read(library)


def test_it_says_what_needs_what(written: str, components: Mapping[str, Any]) -> None:
    needs = {one["ref"]: one["dependsOn"] for one in json.loads(written)["dependencies"]}
    purls = {name: one["purl"] for name, one in components.items()}
    assert needs["gatehouse"] == sorted(purls.values())
    assert needs[purls["cryptography"]] == [purls["cffi"]]
    assert needs[purls["email-validator"]] == [purls["idna"]]
    assert needs[purls["pyjwt"]] == []
