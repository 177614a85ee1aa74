"""What the docs say of settings, links and lists is so."""

import re
from pathlib import Path

import pytest

from chalicelib import scope
from chalicelib.settings import PREFIX, Settings

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]

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


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\((?!https?://)([^)#]+)", page.read_text()):
        assert (page.parent / link).exists(), link
