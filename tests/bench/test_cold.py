"""How starts are counted: by turns, without the first, and each to the one beside it."""

from collections.abc import Callable
from itertools import count

from bench import cold
from bench.cold import Start


def started(seconds: float, order: list[str], name: str) -> Callable[[], Start]:
    """Starts that take so long, and the first ten times that."""
    numbers = count()

    def start() -> Start:
        order.append(name)
        taken = seconds * (1 if next(numbers) else 10)
        return Start(taken, taken / 2)

    return start


def test_starts_take_turns_and_the_first_of_each_is_left_out() -> None:
    order: list[str] = []
    made = cold._by_turns({"a": started(1, order, "a"), "b": started(2, order, "b")}, 2)
    assert order == ["a", "b"] * 3
    assert made == {"a": [Start(1, 0.5)] * 2, "b": [Start(2, 1)] * 2}


def test_a_figure_is_the_median_of_the_ratios_with_its_quartiles() -> None:
    base = [Start(1, 4), Start(2, 4), Start(4, 4)]
    row = cold._row("what", 2.5, [Start(2, 1), Start(6, 2), Start(16, 3)], base, "base", {"peer": base})
    assert (row.measured, row.spread, row.holds) == (3, (2.5, 3.5), False)
    assert row.peers == {"peer": 1}


def test_the_function_in_the_process_can_be_told_alone() -> None:
    row = cold._row(
        "what", None, [Start(9, 1), Start(9, 3)], [Start(1, 2), Start(1, 2)], "base", of=cold._FUNCTION
    )
    assert row.measured == 1
