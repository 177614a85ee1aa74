"""Copies of the project, each with one module changed: what runs there, in any process, reads the change."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
# Not copied but linked: what is installed, and never changed.
_INSTALLED = (".venv", ".venv-ministack", "tests/keys/node/node_modules")


def copy(root: Path, tree: Path) -> None:
    """Makes `tree` a copy of what git knows of `root`, or would: neither builds nor caches."""
    asked = ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    listed = subprocess.run(asked, cwd=root, capture_output=True, check=True, text=True).stdout  # noqa: S603
    for name in filter(None, listed.split("\0")):
        source = root / name
        if source.is_file() and name not in _INSTALLED:
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, tree / name)
    for name in _INSTALLED:
        if (root / name).exists():
            (tree / name).symlink_to(root / name)


@contextmanager
def changed(file: Path, source: bytes) -> Iterator[None]:
    """`file` holds `source`; afterwards it is as it was, also to what was compiled from it."""
    before, written = file.read_bytes(), file.stat()
    file.write_bytes(source)
    try:
        yield
    finally:
        file.write_bytes(before)
        os.utime(file, ns=(written.st_atime_ns, written.st_mtime_ns))
