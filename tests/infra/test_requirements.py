"""Each set of requirements pins all that is installed for it, so that an environment can be made again.

Not so requirements.txt: the Lambda package leaves out what nothing in it imports."""

import re
from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
# Where a comment begins for pip: at a line's beginning, or after a space.
COMMENT = re.compile(r"(^|\s+)#.*$")


def pinned(name: str) -> dict[str, Requirement]:
    """The requirements of the file and of those that it builds on, by their distributions."""
    found: dict[str, Requirement] = {}
    for line in (ROOT / name).read_text().splitlines():
        text = COMMENT.sub("", line).strip()
        if text.startswith("--requirement"):
            found |= pinned(text.split()[1])
        elif text:
            requirement = Requirement(text)
            found[canonicalize_name(requirement.name)] = requirement
    return found


def applies(needed: Requirement, extras: set[str]) -> bool:
    return needed.marker is None or any(needed.marker.evaluate({"extra": extra}) for extra in extras | {""})


def satisfies(requirements: dict[str, Requirement], needed: Requirement) -> bool:
    pin = requirements.get(canonicalize_name(needed.name))
    return pin is not None and all(
        needed.specifier.contains(one.version, prereleases=True) for one in pin.specifier
    )


@pytest.mark.parametrize("name", ["requirements-run.txt", "requirements-test.txt"])
def test_a_set_pins_all_that_its_distributions_need(name: str) -> None:
    requirements = pinned(name)
    missing = [
        f"{needed}, for {distribution}"
        for distribution, requirement in requirements.items()
        for needed in map(Requirement, requires(distribution) or [])
        if applies(needed, requirement.extras) and not satisfies(requirements, needed)
    ]
    assert missing == []


@pytest.mark.parametrize("name", sorted(path.name for path in ROOT.glob("requirements*.txt")))
def test_a_set_pins_each_of_its_distributions(name: str) -> None:
    assert [str(one) for one in pinned(name).values() if not re.fullmatch(r"==[^,*]+", str(one.specifier))] == []
