"""`python -m tests.faults` writes build/faults.md, where no promise was broken."""

import logging
import sys

from infra.emulated import ministack
from tests.faults.everything import try_everything
from tests.faults.table import lines, write


def main() -> int:
    """The exit status: 1 where a promise was broken."""
    logging.disable()  # which would tell of each fault
    with ministack.running() as environment:
        references, results = try_everything(environment)
    broken = [f"{result.trial.name}: {'; '.join(result.broken)}" for result in results if result.broken]
    print("\n".join(sorted(broken)), file=sys.stderr)
    print(f"{len(results)} trials; the longest took {max(result.seconds for result in results):.1f} s")
    if not broken:
        write(lines(references, results))
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
