"""`python -m bench.scale` prints the tables of docs/scale.md and writes them there.

With `--check` it writes nothing: it counts again, and exits with 1 where the page does not follow from that, from
the prices, and from the processor times that the page itself has.
"""

import os
import sys

from bench.scale import page
from bench.scale.operations import ISSUER, measure
from infra.emulated import ministack

_TIMES = 21


def main(arguments: list[str]) -> int:
    """The exit status: 1 where `--check` finds another page than the one that would be written."""
    check = arguments == ["--check"]
    with ministack.running() as environment:
        os.environ.update(environment)
        os.environ["GATEHOUSE_ISSUER"] = ISSUER
        measured = measure(os.environ, 0 if check else _TIMES)
    text = page.PAGE.read_text()
    if check:
        made = page.blocks(*page.as_it_says(text, measured))
        return int(page.filled(text, made) != text)
    made = page.blocks(page.rounded(measured), page.machine())
    print("\n".join(made.values()))
    page.PAGE.write_text(page.filled(text, made))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
