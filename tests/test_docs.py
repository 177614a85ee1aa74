"""What the docs say of settings, links and lists is so."""

import re
from pathlib import Path

import pytest

from chalicelib import scope
from chalicelib.settings import PREFIX, Settings
from infra import template
from tests.support.pages import PAGES, ROOT

# The template gives these.
FROM_THE_TEMPLATE = re.compile(r"stage|kms_key|event_bus|\w+_table")


def written(value: object) -> str:
    """A default as the page writes it."""
    match value:
        case bool():
            return f"`{str(value).lower()}`"
        case frozenset():
            return f"`{scope.serialize(value)}`"
        case "" | ():
            return ""
        case _:
            return f"`{value}`"


def test_every_setting_is_listed_with_its_default() -> None:
    page = (ROOT / "docs/settings.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| (.*?) ?\| ", page, re.MULTILINE)
    defaults = Settings()
    expected = {
        PREFIX + name.upper(): written(getattr(defaults, name))
        for name in Settings._fields
        if not FROM_THE_TEMPLATE.fullmatch(name)
    }
    assert dict(rows) == expected


def test_every_parameter_of_the_template_is_listed_with_its_default() -> None:
    page = (ROOT / "docs/deploy.md").read_text()
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \| (.*?) ?\| ", page, re.MULTILINE)
    listed = {name: default.removesuffix(" each") for names, default in rows for name in re.findall(r"\w+", names)}
    parameters = template.additions()["Parameters"].items()
    defaults = {name: str(parameter["Default"]) for name, parameter in parameters}
    assert {name: default for name, default in listed.items() if name in defaults} == defaults


def test_no_runbook_lowers_a_limit_that_everybody_shares() -> None:
    page = (ROOT / "docs/operations.md").read_text()
    assert re.search(r"\b[Ll]ower[^.:;]*PerSecond", page) is None


def links(page: Path) -> list[tuple[Path, str]]:
    """The files that `page` links to, each with the heading, if any."""
    written = re.findall(r"\]\(((?!https?://)[^)]+)\)", page.read_text())
    parts = (link.partition("#") for link in written)
    return [((page.parent / path).resolve() if path else page, heading) for path, _, heading in parts]


def anchors(page: Path) -> set[str]:
    """What a link may name after `#`: the headings as forges write them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    for target, heading in links(page):
        assert target.exists()
        assert not heading or heading in anchors(target), heading


def test_every_page_can_be_reached() -> None:
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page not in reached:
            reached.add(page)
            near = [target / "README.md" if target.is_dir() else target for target, _ in links(page)]
            waiting += [target for target in near if target.suffix == ".md"]
    assert reached >= {page for page in PAGES if page.parent.name != "adr"}


def test_every_file_that_contributing_names_is_there() -> None:
    named = re.findall(r"`((?:\w+/)*\w+\.\w+|(?:\w+/)+)`", (ROOT / "CONTRIBUTING.md").read_text())
    assert "grants/token_endpoint.py" in named
    files = [name for name in named if name.endswith((".py", ".yaml", ".toml", "/"))]
    assert [
        name for name in files if not (ROOT / name).exists() and not (ROOT / "chalicelib" / name).exists()
    ] == []


def test_every_test_that_the_page_on_security_names_is_there() -> None:
    named = re.findall(r"`([\w/]+\.py)::(\w+)`", (ROOT / "docs/security.md").read_text())
    assert len(named) > 20
    missing = [
        f"{path}::{test}"
        for path, test in named
        if re.search(rf"^def {test}\(", (ROOT / "tests" / path).read_text(), re.MULTILINE) is None
    ]
    assert missing == []
