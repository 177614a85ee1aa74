"""One version, said once: the changelog and the metadata of the project agree with it."""

import re
import tomllib

from chalicelib.version import VERSION
from tests.support.pages import ROOT


def test_it_is_the_newest_of_the_changelog() -> None:
    newest = re.search(r"^## (\S+?)(?:,| - |$)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest
    assert newest[1] == VERSION


def test_it_is_a_semantic_version() -> None:
    assert re.fullmatch(r"(?:0|[1-9]\d*)(?:\.(?:0|[1-9]\d*)){2}", VERSION)


def test_the_metadata_of_the_project_take_it_from_there() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert settings["project"]["dynamic"] == ["version"]
    assert settings["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "chalicelib.version.VERSION"}
