"""The wheels that run on Lambda, as pip finds and installs them, whatever this machine is.

By hand: `chalice package` takes wheels for x86_64 alone, builds those that it doesn't find, and asks for no hash.
"""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from infra.package.runtimes import Runtime
from infra.refusal import RefusalError

ARCHITECTURES = {"x86_64": "x86_64", "arm64": "aarch64"}  # as Lambda and as Linux says it


@dataclass(frozen=True, slots=True)
class Wheel:
    """One file of a release. `name` is the distribution's, `sha256` in hexadecimal digits."""

    name: str
    version: str
    sha256: str


def found(requirements: Path, runtime: Runtime, architecture: str, *options: str) -> list[Wheel]:
    """The wheels that pip would install. `options` are more of pip's own. Raises `RefusalError`."""
    return _pip(requirements, runtime, architecture, "--dry-run", "--ignore-installed", *options)


def install(locked: Path, directory: Path, runtime: Runtime, architecture: str) -> list[Wheel]:
    """Installs what the file `locked` names into `directory`: only files whose hashes stand in it. Raises
    `RefusalError`."""
    return _pip(locked, runtime, architecture, "--require-hashes", "--no-compile", "--target", str(directory))


def _pip(requirements: Path, runtime: Runtime, architecture: str, *options: str) -> list[Wheel]:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--report", "-", "--no-deps", *options]
    # Nothing is built of sources: what that runs and makes, no hash says.
    command += ["--only-binary=:all:", *_for(runtime, architecture), "--requirement", str(requirements)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 (our own command)
    if done.returncode:
        raise RefusalError(
            f"pip cannot install {requirements.name} for {runtime.identifier}, {architecture}: {_why(done.stderr)}"
        )
    return [
        Wheel(
            one["metadata"]["name"],
            one["metadata"]["version"],
            one["download_info"]["archive_info"]["hashes"]["sha256"],
        )
        for one in json.loads(done.stdout)["install"]
    ]


def _for(runtime: Runtime, architecture: str) -> list[str]:
    # pip takes a platform literally: each older one that the C library can do is named too (PEP 600).
    names = [f"manylinux_2_{minor}" for minor in range(runtime.glibc, 16, -1)]
    platforms = [f"{name}_{ARCHITECTURES[architecture]}" for name in [*names, "manylinux2014"]]
    version = ["--python-version", runtime.identifier.removeprefix("python"), "--implementation", "cp"]
    return version + [argument for platform in platforms for argument in ("--platform", platform)]


def _why(errors: str) -> str:
    """pip's error, in one line: what follows its first word, for where hashes differ it names the file there."""
    _, error, rest = errors.partition("ERROR: ")
    return " ".join((rest if error else errors[-300:]).split())
