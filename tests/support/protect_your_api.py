"""The blocks of docs/protect-your-api.md, for the tests that use them as they stand there."""

import re
import textwrap
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs/protect-your-api.md"


def block(name: str) -> str:
    """The fenced block after the mark `<!-- name -->`."""
    (found,) = re.findall(rf"<!-- {name} -->\n *```\w+\n(.*?)\n *```\n", PAGE.read_text(), re.DOTALL)
    return textwrap.dedent(found) + "\n"
