"""The zip that Lambda runs: the same bytes for the same files, whoever makes it and whenever.

By hand: what `chalice package`, `sam build` and `shutil.make_archive` write depends on the files' times and order.
"""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the oldest time that a zip can tell
_MODE = 0o100644 << 16  # a file that all may read, and only its owner change
_UNIX = 3


def write(path: Path, files: Iterable[tuple[str, Path]]) -> None:
    """Writes the zip at `path` with `files`, by their name in it and where they are now."""
    with ZipFile(path, "w") as archive:
        for name, file in sorted(files):
            entry = ZipInfo(name, _EPOCH)
            entry.compress_type, entry.external_attr, entry.create_system = ZIP_DEFLATED, _MODE, _UNIX
            archive.writestr(entry, file.read_bytes(), compresslevel=9)


def sizes(path: Path) -> dict[str, tuple[int, int]]:
    """What the zip at `path` consists of: bytes zipped and unpacked, by what stands at its top. Largest first."""
    packed: Counter[str] = Counter()
    unpacked: Counter[str] = Counter()
    with ZipFile(path) as archive:
        for entry in archive.infolist():
            top = entry.filename.partition("/")[0].partition(".")[0]
            packed[top] += entry.compress_size
            unpacked[top] += entry.file_size
    return {top: (size, unpacked[top]) for top, size in packed.most_common()}


def table(path: Path) -> str:
    """`sizes` for people: a line for each of the five largest, for the rest, and for the zip itself."""
    parts = list(sizes(path).items())
    rest = parts[5:]
    lines = [(top, *size) for top, size in parts[:5]]
    lines += [("the rest", sum(size[0] for _, size in rest), sum(size[1] for _, size in rest))] if rest else []
    lines += [("deployment.zip", path.stat().st_size, sum(size[1] for _, size in parts))]
    width = max(len(name) for name, *_ in lines)
    head = f"  {'':{width}}  {'zipped':>9}  {'unpacked':>9}"
    return "\n".join(
        [head, *(f"  {name:{width}}  {human(zipped)}  {human(whole)}" for name, zipped, whole in lines)]
    )


def human(size: int) -> str:
    """`size` bytes in kB, nine characters wide."""
    return f"{size / 1000:>6,.0f} kB"
