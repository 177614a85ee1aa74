"""The runtimes of Lambda: their dates are those that cfn-lint has from AWS, and an old one is refused."""

import json
import sys
from datetime import timedelta
from importlib import resources

import pytest

from infra.package import runtimes
from infra.package.runtimes import RUNTIMES
from infra.refusal import RefusalError

KNOWN = json.loads((resources.files("cfnlint.data.AdditionalSpecs") / "LmbdRuntimeLifecycle.json").read_text())


@pytest.mark.parametrize("version", RUNTIMES)
def test_a_runtime_is_deprecated_when_cfn_lint_says_so(version: tuple[int, int]) -> None:
    runtime = RUNTIMES[version]
    assert KNOWN[runtime.identifier]["deprecated"] == runtime.deprecated.isoformat()


def test_every_python_that_lambda_has_is_here_from_our_oldest_on() -> None:
    pythons = {tuple(map(int, name[6:].split("."))) for name in KNOWN if name.startswith("python3")}
    assert {version for version in pythons if version >= (3, 11)} == set(RUNTIMES)


def test_the_runtime_is_that_of_this_interpreter() -> None:
    assert runtimes.known().identifier == f"python{sys.version_info[0]}.{sys.version_info[1]}"


def test_a_python_that_lambda_lacks_is_refused() -> None:
    with pytest.raises(
        RefusalError, match=r"Lambda has no runtime for Python 3\.10\. Install one of 3\.11, 3\.12"
    ):
        runtimes.known((3, 10))


def test_a_runtime_serves_to_its_last_day_and_no_longer() -> None:
    last = RUNTIMES[3, 11].deprecated
    assert runtimes.supported(last, (3, 11)).identifier == "python3.11"
    with pytest.raises(
        RefusalError, match=r"AWS ended its support of python3\.11 on 2027-06-30\. Install a newer"
    ):
        runtimes.supported(last + timedelta(days=1), (3, 11))
