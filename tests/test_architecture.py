"""The code is built as its plan says: imports run one way, the map is complete, the gate starts light."""

import ast
import importlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HOUSE = ROOT / "chalicelib"


def test_imports_run_one_way() -> None:
    # In a process of its own: it configures logging, and disables the loggers that there are.
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout


PACKAGES = ["chalicelib", *(f"chalicelib.{path.parent.name}" for path in sorted(HOUSE.glob("*/__init__.py")))]


def modules(package: str) -> list[str]:
    """The modules and packages that stand directly in `package`."""
    folder = ROOT / package.replace(".", "/")
    files = [path.stem for path in folder.glob("*.py") if not path.stem.startswith("__")]
    return sorted(files + [path.parent.name for path in folder.glob("*/__init__.py")])


def on_the_map(package: str) -> list[str]:
    """The names on the map in the docstring of `package`: an indented name, then two spaces and what it is."""
    plan = importlib.import_module(package).__doc__ or ""
    return sorted(re.findall(r"^(?: {4})?(\w+) {2,}\S", plan, re.MULTILINE))


@pytest.mark.parametrize("package", PACKAGES)
def test_the_map_of_a_package_names_each_of_its_modules_once_and_nothing_else(package: str) -> None:
    assert on_the_map(package) == modules(package)


# Routes are tested through `app`, and the command line through `python -m`: whoever calls them comes that way.
BEHIND_A_FRONT = ("chalicelib.routes.", "chalicelib.admin.")


def imported(file: Path) -> Iterator[str]:
    """The modules that `file` names in its imports, and the names that it takes from them."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield str(node.module)
            yield from (f"{node.module}.{name.name}" for name in node.names)


def test_every_module_is_imported_by_a_test() -> None:
    by_tests = {name for file in ROOT.glob("tests/**/test_*.py") for name in imported(file)}
    ours = {f"{package}.{name}" for package in PACKAGES for name in modules(package)}
    assert {name for name in ours - by_tests if not name.startswith(BEHIND_A_FRONT)} <= set(PACKAGES)


def loaded_by(module: str) -> set[str]:
    """The top-level modules that are there once a fresh interpreter has imported `module`."""
    program = f"import sys, {module}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_the_gate_starts_without_boto3_pyjwt_and_the_app() -> None:
    loaded = loaded_by("chalicelib.authorizer")
    assert {"chalicelib", "chalice"} <= loaded
    assert not {"boto3", "botocore", "jwt", "app"} & loaded


def test_the_gate_starts_without_the_stores_and_the_routes() -> None:
    program = "import sys, chalicelib.authorizer; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    ours = {name for name in done.stdout.split() if name.startswith("chalicelib.")}
    assert "chalicelib.tokens.access_token_verifier" in ours
    assert not {"stores", "routes", "grants", "services"} & {name.split(".")[1] for name in ours}
