"""The software bill of materials of the zip: CycloneDX 1.6 as JSON, the same bytes for the same zip.

By hand: `cyclonedx-py` describes an environment or all that is locked, not what is in a zip, and would bring six
distributions for what is written here. A test validates it with CycloneDX's own library.

Sources: "CycloneDX v1.6 JSON Reference"; PEP 770, for what wheels themselves say of the code linked into them.
"""

import hashlib
import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import PathDistribution
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

from chalicelib.version import VERSION
from infra.package.dependencies import Distribution

_NAME = "gatehouse"
# What is taken over of a component that a wheel names: all that is no reference into its own document.
_TAKEN = ("type", "name", "version", "purl", "hashes", "licenses")


def text(distributions: Sequence[Distribution], package: Path, runtime: str, architecture: str) -> str:
    """The SBOM of the zip at `package`, which holds our own code and `distributions`."""
    digest = hashlib.sha256(package.read_bytes()).hexdigest()
    references = {canonicalize_name(one.wheel.name): _purl(one) for one in distributions}
    dependencies = [{"ref": _NAME, "dependsOn": sorted(references.values())}]
    dependencies += [{"ref": _purl(one), "dependsOn": _needed(one, references)} for one in distributions]
    document = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        # Not of time or chance: the same zip has the same SBOM.
        "serialNumber": uuid.uuid5(uuid.NAMESPACE_OID, digest).urn,
        "version": 1,
        "metadata": {"component": _package(digest, runtime, architecture)},
        "components": [_component(one) for one in distributions],
        "dependencies": dependencies,
    }
    return json.dumps(document, indent=2) + "\n"


def _package(digest: str, runtime: str, architecture: str) -> dict[str, Any]:
    built_for = {"gatehouse:runtime": runtime, "gatehouse:architecture": architecture}
    return {
        "type": "application",
        "bom-ref": _NAME,
        "name": _NAME,
        "version": VERSION,
        "hashes": _sha256(digest),
        "properties": [{"name": name, "value": value} for name, value in built_for.items()],
    }


def _component(distribution: Distribution) -> dict[str, Any]:
    wheel = distribution.wheel
    return {
        "type": "library",
        "bom-ref": _purl(distribution),
        "name": wheel.name,
        "version": wheel.version,
        "purl": _purl(distribution),
        "hashes": _sha256(wheel.sha256),  # of the wheel that it was installed from
        **_if_any("licenses", _licences(distribution)),
        **_if_any("components", list(_linked(distribution))),
    }


def _purl(distribution: Distribution) -> str:
    return f"pkg:pypi/{canonicalize_name(distribution.wheel.name)}@{distribution.wheel.version}"


def _sha256(digest: str) -> list[dict[str, str]]:
    return [{"alg": "SHA-256", "content": digest}]


def _licences(distribution: Distribution) -> list[dict[str, Any]]:
    said = PathDistribution(distribution.info).metadata
    if said["License-Expression"]:
        return [{"expression": said["License-Expression"]}]
    return [{"license": {"name": said["License"]}}] if said["License"] else []


def _linked(distribution: Distribution) -> Iterable[dict[str, Any]]:
    """What the wheel says is compiled into it: of cryptography, OpenSSL and the crates."""
    for file in sorted(distribution.info.glob("sboms/*.json")):
        for component in json.loads(file.read_text()).get("components", []):
            yield {name: component[name] for name in _TAKEN if name in component}


def _needed(distribution: Distribution, references: Mapping[NormalizedName, str]) -> list[str]:
    """The references of those among the shipped that it requires."""
    wanted = map(Requirement, PathDistribution(distribution.info).requires or [])
    names = {canonicalize_name(one.name) for one in wanted if not one.marker or one.marker.evaluate({"extra": ""})}
    return sorted(references[name] for name in names & references.keys())


def _if_any(name: str, values: list[Any]) -> dict[str, list[Any]]:
    return {name: values} if values else {}
