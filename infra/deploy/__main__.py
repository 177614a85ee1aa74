"""`python -m infra.deploy`."""

import sys

from infra import refusal
from infra.deploy.deployment import main

if __name__ == "__main__":
    refusal.run(lambda: main(sys.argv[1:]))
