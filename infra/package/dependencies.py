"""The distributions that the functions import, as pip installs them for Lambda, whatever this machine is."""

import csv
import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from infra.package.runtimes import Runtime
from infra.refusal import RefusalError

ROOT = Path(__file__).parents[2]
ARCHITECTURES = {"x86_64": "x86_64", "arm64": "aarch64"}  # as Lambda and as Linux says it
REQUIREMENTS = ROOT / "requirements.txt"
_CACHE = ROOT / "build" / "dependencies"
_LICENCES = ("LICENSE", "LICENCE", "COPYING", "NOTICE", "AUTHORS")


def installed(runtime: Runtime, architecture: str) -> Path:
    """The directory with the distributions of requirements.txt for `runtime` on `architecture`, compiled.

    Made once for what they depend on, and kept under build/. Raises `RefusalError` where pip fails.
    """
    key = f"{runtime.identifier}-{architecture}-{hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:16]}"
    directory = _CACHE / key
    if not directory.exists():
        _CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=_CACHE) as temporary:
            made = Path(temporary) / "installed"
            _install(made, runtime, architecture)
            compile_all(made)
            try:
                made.rename(directory)
            except OSError:  # another process was faster
                if not directory.exists():
                    raise
    return directory


def _install(directory: Path, runtime: Runtime, architecture: str) -> None:
    # pip takes a platform literally: each older one that the C library can do is named too (PEP 600).
    minors = range(runtime.glibc, 16, -1)
    platforms = [f"manylinux_2_{minor}_{ARCHITECTURES[architecture]}" for minor in minors]
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--no-compile",
        "--only-binary=:all:",
    ]
    command += ["--python-version", runtime.identifier.removeprefix("python"), "--implementation", "cp"]
    command += [argument for platform in [*platforms, f"manylinux2014_{ARCHITECTURES[architecture]}"]
                for argument in ("--platform", platform)]  # fmt: skip
    command += ["--target", str(directory), "--requirement", str(REQUIREMENTS)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 (our own command)
    if done.returncode:
        reason = next((line for line in done.stderr.splitlines() if line.startswith("ERROR")), done.stderr[-300:])
        raise RefusalError(
            f"pip cannot install requirements.txt for {runtime.identifier}, {architecture}: {reason}"
        )


def compile_all(directory: Path) -> None:
    """Compiles every module below `directory` into `__pycache__`, the same bytes each time.

    The files carry the hash of their source, which Lambda doesn't look at again (PEP 552).
    """
    # A set among a module's constants is written in the order of its hashes.
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    command = [sys.executable, "-P", "-s", "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", "."]
    subprocess.run(command, cwd=directory, env=environment, check=True)  # noqa: S603 (our own command)


def shipped(directory: Path, imported: set[str]) -> Iterator[PurePosixPath]:
    """The files below `directory` that belong in the package: of the top-level modules `imported`, and the
    licences of the distributions that they are from."""
    for info in sorted(directory.glob("*.dist-info")):
        with (info / "RECORD").open(newline="") as record:
            paths = [PurePosixPath(row[0]) for row in csv.reader(record)]
        code = [path for path in paths if _is_code(path, imported)]
        yield from code
        yield from (_compiled(path) for path in code if path.suffix == ".py")
        if code:
            yield from (path for path in paths if path.parts[0] == info.name and _is_licence(path))


def _is_code(path: PurePosixPath, imported: set[str]) -> bool:
    if path.suffix in {".pyi", ".pyc", ".typed"} or "tests" in path.parts:
        return False
    # `name.libs` holds shared libraries that wheels bring along.
    return path.parts[0].partition(".")[0] in imported or path.parts[0].endswith(".libs")


def _is_licence(path: PurePosixPath) -> bool:
    return path.name.upper().startswith(_LICENCES)


def _compiled(path: PurePosixPath) -> PurePosixPath:
    return path.parent / "__pycache__" / f"{path.stem}.{sys.implementation.cache_tag}.pyc"
