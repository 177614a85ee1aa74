"""The distributions that the functions import, as they are installed for Lambda, whatever this machine is.

By hand: `chalice package` and `sam build` put all of each distribution in, uncompiled.
"""

import csv
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PathDistribution
from pathlib import Path, PurePosixPath

from packaging.utils import canonicalize_name

from infra.package import lock, wheels
from infra.package.runtimes import Runtime
from infra.package.wheels import Wheel

ROOT = Path(__file__).parents[2]
_CACHE = ROOT / "build" / "dependencies"
_WHEELS = "wheels.json"  # beside what is installed: the files that it is of
_LICENCES = ("LICENSE", "LICENCE", "COPYING", "NOTICE", "AUTHORS")


@dataclass(frozen=True, slots=True)
class Distribution:
    """What ships of a distribution: `files` below the directory where it is installed, `info` its `.dist-info`."""

    wheel: Wheel
    info: Path
    files: tuple[PurePosixPath, ...]


def installed(runtime: Runtime, architecture: str) -> Path:
    """The directory with the distributions of requirements.lock for `runtime` on `architecture`, compiled.

    Made once for what they depend on, and kept under build/. Raises `RefusalError` where pip fails, and where the
    lock is not that of requirements.txt.
    """
    lock.check()
    key = f"{runtime.identifier}-{architecture}-{hashlib.sha256(lock.LOCK.read_bytes()).hexdigest()[:16]}"
    directory = _CACHE / key
    if not directory.exists():
        _CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=_CACHE) as temporary:
            made = Path(temporary) / "installed"
            taken = wheels.install(lock.LOCK, made, runtime, architecture)
            (made / _WHEELS).write_text(json.dumps([asdict(wheel) for wheel in taken]))
            compile_all(made)
            try:
                made.rename(directory)
            except OSError:  # another process was faster
                if not directory.exists():
                    raise
    return directory


def compile_all(directory: Path) -> None:
    """Compiles every module below `directory` into `__pycache__`, the same bytes each time.

    The files carry the hash of their source, which Lambda doesn't look at again (PEP 552).
    """
    # A set among a module's constants is written in the order of its hashes.
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    command = [sys.executable, "-P", "-s", "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", "."]
    subprocess.run(command, cwd=directory, env=environment, check=True)  # noqa: S603 (our own command)


def shipped(directory: Path, imported: set[str], single: set[str]) -> list[Distribution]:
    """What of `directory`, where `installed` has them, belongs in the package: the top-level modules `imported`,
    the files `single`, and the licences of the distributions that they are from."""
    taken = {canonicalize_name(one["name"]): Wheel(**one) for one in json.loads((directory / _WHEELS).read_text())}
    return [
        Distribution(taken[canonicalize_name(PathDistribution(info).name)], info, files)
        for info in sorted(directory.glob("*.dist-info"))
        if (files := tuple(_files(info, imported, single)))
    ]


def _files(info: Path, imported: set[str], single: set[str]) -> Iterator[PurePosixPath]:
    with (info / "RECORD").open(newline="") as record:
        paths = [PurePosixPath(row[0]) for row in csv.reader(record)]
    code = [path for path in paths if str(path) in single or _is_code(path, imported)]
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
