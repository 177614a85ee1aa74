"""`python -m infra.package`."""

import sys

from infra import refusal
from infra.package.build import main

if __name__ == "__main__":
    refusal.run(lambda: main(sys.argv[1:]))
