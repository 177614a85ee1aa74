"""The Python runtimes of Lambda that Gatehouse runs on, and until when AWS supports them.

Source: "Lambda runtimes" in the AWS Lambda developer guide, as of 2026-11-22. A test holds the dates against
those that cfn-lint knows.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from infra.refusal import RefusalError


@dataclass(frozen=True, slots=True)
class Runtime:
    """`glibc` is the minor number of the C library of its Amazon Linux: which wheels run there follows from it.

    After `deprecated` AWS no longer mends it.
    """

    identifier: str
    glibc: int
    deprecated: date


_AMAZON_LINUX_2, _AMAZON_LINUX_2023 = 26, 34  # glibc 2.26, 2.34

RUNTIMES: Mapping[tuple[int, int], Runtime] = {
    (3, 11): Runtime("python3.11", _AMAZON_LINUX_2, date(2027, 6, 30)),
    (3, 12): Runtime("python3.12", _AMAZON_LINUX_2023, date(2028, 10, 31)),
    (3, 13): Runtime("python3.13", _AMAZON_LINUX_2023, date(2029, 6, 30)),
    (3, 14): Runtime("python3.14", _AMAZON_LINUX_2023, date(2029, 6, 30)),
}


def known(version: tuple[int, int] = sys.version_info[:2]) -> Runtime:
    """The runtime of the interpreter `version`. Raises `RefusalError` where Lambda has none."""
    if version in RUNTIMES:
        return RUNTIMES[version]
    versions = ", ".join(f"{major}.{minor}" for major, minor in RUNTIMES)
    raise RefusalError(
        f"Lambda has no runtime for Python {version[0]}.{version[1]}. Install one of {versions}, then "
        "`make clean` and again."
    )


def supported(today: date, version: tuple[int, int] = sys.version_info[:2]) -> Runtime:
    """As `known`. Raises `RefusalError` too once AWS has ended its support."""
    runtime = known(version)
    if today > runtime.deprecated:
        raise RefusalError(
            f"AWS ended its support of {runtime.identifier} on {runtime.deprecated}. Install a newer Python, then "
            "`make clean` and again."
        )
    return runtime
