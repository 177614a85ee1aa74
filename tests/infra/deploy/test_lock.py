"""requirements.lock: that of requirements.txt, and what ships is installed from it alone."""

import hashlib
import tarfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest

from infra.package import build, dependencies, lock, runtimes, wheels
from infra.package.wheels import Wheel
from infra.refusal import RefusalError
from tests.infra.deploy.conftest import copy

ZEROS = "0" * 64


def test_the_lock_has_the_versions_of_requirements() -> None:
    assert lock.pins(lock.LOCK) == lock.pins(lock.REQUIREMENTS)
    assert {"chalice", "cryptography", "pyjwt"} <= lock.pins(lock.LOCK).keys()


def test_the_lock_has_the_hash_of_each_wheel_for_a_runtime_and_architecture_and_no_other() -> None:
    assert lock.text(lock.everywhere(lock.LOCK, "--require-hashes")) == lock.LOCK.read_text()


def test_each_distribution_stands_there_once_with_the_hashes_of_its_wheels() -> None:
    hashes = [f"{number:02}" for number in range(16)]
    found = [Wheel("PyJWT", "2.0", sha256) for sha256 in reversed(hashes)] + [Wheel("a.b_c", "1", "ff")] * 2
    first, *others = lock.text(found).partition("\n\n")[2].split("\npyjwt==2.0 ")
    assert first == "a-b-c==1 \\\n    --hash=sha256:ff"
    assert others == ["".join(f"\\\n    --hash=sha256:{sha256} " for sha256 in hashes).rstrip() + "\n"]


@pytest.fixture
def packaging(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], str]:
    """Packages with these requirements and this lock, nothing being installed yet, and gives the refusal."""
    monkeypatch.setattr(dependencies, "_CACHE", tmp_path / "dependencies")

    def refusal(requirements: str, locked: str) -> str:
        for name, content in (("REQUIREMENTS", requirements), ("LOCK", locked)):
            path = tmp_path / f"{name.lower()}.txt"
            path.write_text(content)
            monkeypatch.setattr(lock, name, path)
        with pytest.raises(RefusalError) as refused:
            build.package("prod", project=copy(project, tmp_path))
        assert not list((tmp_path / "build").rglob("*.zip"))
        assert "\n" not in str(refused.value)
        return str(refused.value)

    return refusal


def test_a_wheel_of_another_hash_is_refused(packaging: Callable[[str, str], str]) -> None:
    right = next(one for one in wheels.found(lock.REQUIREMENTS, runtimes.known(), "x86_64") if one.name == "PyJWT")
    wrong = lock.LOCK.read_text().replace(right.sha256, ZEROS)
    told = packaging(lock.REQUIREMENTS.read_text(), wrong)
    assert "DO NOT MATCH THE HASHES" in told
    assert f"pyjwt=={right.version} from" in told
    assert told.endswith(f"Expected sha256 {ZEROS} Got {right.sha256}")


def test_a_wheel_without_a_hash_is_refused(packaging: Callable[[str, str], str]) -> None:
    assert "Hashes are required" in packaging("idna==3.20\n", "idna==3.20\n")


def test_what_would_have_to_be_built_is_refused(
    packaging: Callable[[str, str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tarfile.open(tmp_path / "unbuilt-1.0.tar.gz", "w:gz") as sources:
        for name, content in (
            ("PKG-INFO", b"Metadata-Version: 2.1\nName: unbuilt\nVersion: 1.0\n"),
            ("setup.py", b""),
        ):
            member = tarfile.TarInfo(f"unbuilt-1.0/{name}")
            member.size = len(content)
            sources.addfile(member, BytesIO(content))
    sha256 = hashlib.sha256((tmp_path / "unbuilt-1.0.tar.gz").read_bytes()).hexdigest()
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    told = packaging("unbuilt==1.0\n", f"unbuilt==1.0 --hash=sha256:{sha256}\n")
    assert "No matching distribution found for unbuilt==1.0" in told


def test_a_version_that_there_is_not_is_told(packaging: Callable[[str, str], str]) -> None:
    told = packaging("pyjwt==0.0.0\n", f"pyjwt==0.0.0 --hash=sha256:{ZEROS}\n")
    assert told.startswith("pip cannot install lock.txt for python3.")
    assert "x86_64: Could not find a version that satisfies the requirement pyjwt==0.0.0" in told


@pytest.mark.parametrize("locked", ["idna==3.19", "", "idna==3.20\npyjwt==2.0"])
def test_a_lock_of_other_requirements_is_refused(packaging: Callable[[str, str], str], locked: str) -> None:
    assert (
        packaging("idna==3.20  # domains\n", locked)
        == "lock.txt is not that of requirements.txt. `make lock` makes it anew."
    )
