"""survivors.toml: the changes that no test finds, each with the reason why none has to."""

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from bench.mutants.changes import Change

FILE = Path(__file__).with_name("survivors.toml")


@dataclass(frozen=True, slots=True)
class Reasons:
    """By module and place, and the change in one line: why it changes no answer, no write and no check."""

    by_change: dict[tuple[str, str], str]

    def of(self, change: Change) -> str | None:
        return self.by_change.get((change.where, change.what))

    def gone(self, made: Iterable[Change]) -> list[str]:
        """Those with a reason that are among no changes that can be `made`."""
        known = {(change.where, change.what) for change in made}
        return [f"{where}: {what}" for where, what in self.by_change if (where, what) not in known]


def read(text: str) -> Reasons:
    """The reasons that `text` gives. Raises `ValueError` for one that is empty or given twice."""
    by_change: dict[tuple[str, str], str] = {}
    for place in tomllib.loads(text).get("survivor", []):
        where, what, reason = place["where"], place["change"], place["reason"].strip()
        if not reason or (where, what) in by_change:
            raise ValueError(f"{where}: {what}: no reason, or a second one")
        by_change[where, what] = reason
    return Reasons(by_change)
