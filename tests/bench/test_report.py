"""When a goal holds, and the table that says so."""

from pathlib import Path

import pytest

from bench import __main__ as command
from bench import report
from bench.rows import Row

HOLDS = Row("gate decision", 1.3, 1.28, (1.25, 1.31), "one raw verification", {"PyJWT": 2.4}, "on a quiet day")
MISSED = Row("again", 0.02, 0.0216, None, "one raw verification", note="on a quiet day")
NO_GOAL = Row("round trips", None, 2, None, "one refresh")


@pytest.mark.parametrize(
    ("goal", "measured", "holds"),
    [(1.3, 1.3, True), (1.3, 1.304, True), (1.3, 1.306, False), (0.02, 0.0204, True), (0.02, 0.0206, False)],
)
def test_a_goal_holds_as_the_table_shows_it(goal: float, measured: float, holds: bool) -> None:
    assert Row("", goal, measured, None, "").holds is holds


def test_without_a_goal_none_is_missed() -> None:
    assert NO_GOAL.holds


def test_the_table() -> None:
    assert report.table([HOLDS, MISSED, NO_GOAL]).splitlines() == [
        "| what | goal | measured | to | peers |",
        "| --- | --- | --- | --- | --- |",
        "| gate decision [1] | ≤ 1.3 | **1.28** (1.25 to 1.31) | one raw verification | PyJWT 2.40 |",
        "| again [1] | ≤ 0.02: missed | **0.022** | one raw verification |  |",
        "| round trips |  | **2** | one refresh |  |",
        "",
        "1. on a quiet day",
    ]


def test_the_page_keeps_what_stands_around_the_figures(tmp_path: Path) -> None:
    page = tmp_path / "performance.md"
    page.write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n")
    report.write([NO_GOAL], page)
    text = page.read_text()
    assert text.startswith(f"before\n{report.BEGIN}\n")
    assert text.endswith(f"\n{report.END}\nafter\n")
    assert "old" not in text
    assert "**2**" in text


def test_a_page_without_the_markers_is_left_alone(tmp_path: Path) -> None:
    page = tmp_path / "performance.md"
    page.write_text("before\n")
    with pytest.raises(ValueError, match="lacks"):
        report.write([NO_GOAL], page)
    assert page.read_text() == "before\n"


def test_the_real_page_has_the_markers() -> None:
    text = report.PAGE.read_text()
    assert text.index(report.BEGIN) < text.index(report.END)


class Module:
    """One that measures nothing."""

    def __init__(self, *rows: Row) -> None:
        self._rows = rows

    def rows(self) -> tuple[Row, ...]:
        return self._rows


@pytest.mark.parametrize(("rows", "code"), [((HOLDS, NO_GOAL), 0), ((HOLDS, MISSED), 1)])
def test_it_fails_where_a_goal_is_missed_and_says_which(
    rows: tuple[Row, ...], code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "import_module", {"bench.gate": Module(*rows)}.__getitem__)
    monkeypatch.setattr(report, "machine", lambda: "a machine")
    assert command.main(["gate"]) == code
    assert [line[:13] for line in capsys.readouterr().out.splitlines() if "Missed" in line] == [
        "Missed: again"
    ] * code


def test_a_module_that_is_not_there_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        command.main(["gates"])
    assert refused.value.code == 2
    assert "no such module: gates" in capsys.readouterr().err
