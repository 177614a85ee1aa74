"""One line of the table. Every module of the bench has `rows() -> Iterable[Row]`."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Row:
    """`measured` is how often `what` costs what `to` costs: a median, and its quartiles in `spread` if it has any.

    `goal` is the most that `measured` may be, or None where there is none. `peers` are others' figures for the
    same, to the same (`note` says so where it is not).
    """

    what: str
    goal: float | None
    measured: float
    spread: tuple[float, float] | None
    to: str
    peers: Mapping[str, float] = field(default_factory=dict)
    note: str = ""

    @property
    def holds(self) -> bool:
        """Whether the goal is met, as the table shows both: to two decimals, to three below 0.1."""
        return self.goal is None or round(self.measured, 3 if self.goal < 0.1 else 2) <= self.goal
