"""`python -m infra.package.lock`: makes requirements.lock of requirements.txt, with the hash of what may ship.

By hand: pip-tools locks for the Python and the machine that it runs on, and uv takes in every file of a release.
Here are the wheels for Lambda's runtimes and architectures, and no other file.
"""

from collections.abc import Iterable
from itertools import product
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from infra import refusal
from infra.package import wheels
from infra.package.runtimes import RUNTIMES
from infra.package.wheels import ARCHITECTURES, Wheel
from infra.refusal import RefusalError

ROOT = Path(__file__).parents[2]
REQUIREMENTS = ROOT / "requirements.txt"
LOCK = ROOT / "requirements.lock"

_HEAD = """\
# Made by `make lock`: the distributions of requirements.txt, with the SHA-256 of each of their wheels for a
# runtime and architecture of Lambda. Nothing else is packaged.
"""


def pins(path: Path) -> dict[str, str]:
    """The version of each distribution that a file of requirements pins, by canonical name."""
    lines = (line.partition("#")[0].partition("--hash")[0].strip(" \\") for line in path.read_text().splitlines())
    found = (Requirement(line) for line in lines if line)
    return {canonicalize_name(one.name): str(one.specifier).removeprefix("==") for one in found}


def check() -> None:
    """Raises `RefusalError` where requirements.lock pins anything else than requirements.txt."""
    if pins(REQUIREMENTS) != pins(LOCK):
        raise RefusalError(f"{LOCK.name} is not that of {REQUIREMENTS.name}. `make lock` makes it anew.")


def text(found: Iterable[Wheel]) -> str:
    """The lock: each distribution once, with the hashes of its wheels."""
    hashes: dict[tuple[str, str], set[str]] = {}
    for wheel in found:
        hashes.setdefault((canonicalize_name(wheel.name), wheel.version), set()).add(wheel.sha256)
    entries = (
        " \\\n    ".join([f"{name}=={version}", *(f"--hash=sha256:{sha256}" for sha256 in sorted(those))])
        for (name, version), those in sorted(hashes.items())
    )
    return "\n".join([_HEAD, *entries, ""])


def everywhere(requirements: Path, *options: str) -> list[Wheel]:
    """The wheels that pip takes for any runtime and architecture; `options` are pip's. Raises `RefusalError`."""
    targets = product(RUNTIMES.values(), ARCHITECTURES)
    return [wheel for target in targets for wheel in wheels.found(requirements, *target, *options)]


def main() -> None:
    """Writes the lock."""
    LOCK.write_text(text(everywhere(REQUIREMENTS)))
    print(f"{LOCK.name} is that of {REQUIREMENTS.name}.")


if __name__ == "__main__":
    refusal.run(main)
