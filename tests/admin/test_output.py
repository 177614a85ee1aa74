"""Results: one JSON document, or a table that is plain where nobody looks at it."""

import json
import sys

import pytest

from chalicelib.admin.output import Result, show

LONG = "x" * 300
RESULT = Result(
    {"keys": [{"kid": "[red]"}]}, [{"kid": "[red]", "role": "active"}, {"kid": LONG, "role": ":key:"}], "Done."
)


def test_json_is_the_document_alone(capsys: pytest.CaptureFixture[str]) -> None:
    show(RESULT, as_json=True)
    assert json.loads(capsys.readouterr().out) == RESULT.document


def test_elsewhere_a_row_is_one_plain_line(capsys: pytest.CaptureFixture[str]) -> None:
    show(RESULT, as_json=False)
    *rows, message = capsys.readouterr().out.splitlines()
    assert [row.split() for row in rows] == [["kid", "role"], ["[red]", "active"], [LONG, ":key:"]]
    assert message == "Done."


def test_on_a_terminal_it_is_a_table_of_its_width(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("TERM", "dumb")
    show(RESULT, as_json=False)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 60
    assert any("─" in line for line in lines)
    assert sum(line.count("x") for line in lines) == len(LONG)


def test_nothing_is_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    show(Result({"keys": []}), as_json=False)
    assert capsys.readouterr().out == ""
