"""The changes to try: a sample that stays the same until the code does."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from bench.mutants.changes import Change, changes
from bench.mutants.reasons import Reasons

PACKAGES = ("accounts", "gate", "grants", "keys", "stores", "tokens")
DEFAULT = 500
_SEED = "gatehouse"


def every(root: Path, named: Iterable[str] = ()) -> list[Change]:
    """Every change of the modules that are `named` (`keys`, `keys/ring.py`), or of all."""
    made: list[Change] = []
    for name in named or PACKAGES:
        place = root / "chalicelib" / name
        files = [place] if place.is_file() else sorted(place.glob("*.py"))
        if not files:
            raise FileNotFoundError(f"no such module: {name}")
        for file in files:
            made += changes(str(file.relative_to(root)), file.read_bytes())
    return made


def chosen(made: list[Change], reasons: Reasons, most: int = DEFAULT) -> list[Change]:
    """`most` of what can be made, no two of one line, and all that survive with a reason."""
    one_of_line: dict[tuple[str, int], Change] = {}
    for change in sorted(made, key=_place):
        one_of_line.setdefault((change.path, change.line), change)
    picked = list(one_of_line.values())[:most]
    kept = {(change.where, change.what) for change in picked}
    listed = [change for change in made if reasons.of(change) and (change.where, change.what) not in kept]
    return sorted(picked + listed, key=lambda change: (change.path, change.start, change.end))


def _place(change: Change) -> str:
    return hashlib.sha256(f"{_SEED} {change.where} {change.what}".encode()).hexdigest()
