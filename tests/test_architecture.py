"""Who may import whom, and the maps of the packages; each rule is seen to fail where something breaks it."""

import ast
import importlib
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.patience import END

ROOT = Path(__file__).parents[1]
CHALICELIB = ROOT / "chalicelib"
LINTER = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
CONTRACTS = [contract["name"] for contract in LINTER["contracts"]]


def contracts_kept(root: Path) -> tuple[dict[str, bool], str]:
    """Whether the imports of the project in `root` keep each contract, and what the linter says."""
    # In a process of its own: it configures logging, and disables the loggers that there are.
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    ran = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False, timeout=END)
    verdicts = dict(re.findall(r"^(.+) (KEPT|BROKEN)", ran.stdout, re.MULTILINE))
    kept = {name: verdict == "KEPT" for name, verdict in verdicts.items()}
    assert list(kept) == CONTRACTS, ran.stdout
    assert (ran.returncode == 0) is all(kept.values()), ran.stdout
    return kept, ran.stdout


def test_every_contract_is_kept() -> None:
    kept, said = contracts_kept(ROOT)
    assert all(kept.values()), said


def copy(root: Path) -> None:
    """Copies into `root` what the linter reads."""
    for package in LINTER["root_packages"]:
        shutil.copytree(ROOT / package, root / package, ignore=shutil.ignore_patterns("node*", "__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", root)


# Imports that a contract forbids: a module, and what it must not import.
FORBIDDEN = {
    "Imports run downwards only": [
        ("chalicelib.model", "chalicelib.stores.users"),
        ("chalicelib.web.call", "chalicelib.routes.users"),
    ],
    "The gate needs neither boto3 nor PyJWT nor the app": [
        ("chalicelib.issuer", "boto3"),
        ("chalicelib.gate.decision", "jwt"),
        ("chalicelib.gate.policy", "chalicelib.stores.users"),
    ],
    "What ships imports nothing of what packages, measures and tests it": [
        ("chalicelib.services", "infra.demo"),
        ("chalicelib.settings", "bench.rows"),
        ("chalicelib.scope", "tests.support.client"),
        ("infra.demo", "bench.rows"),
        ("infra.template", "tests.support.client"),
        ("bench.rows", "tests.support.client"),
    ],
    "The app is imported by what runs it alone": [("chalicelib.services", "app")],
    "The stores alone speak with AWS": [
        ("chalicelib.telemetry.log", "boto3"),
        ("chalicelib.services", "botocore"),
    ],
    "Tokens alone are made with PyJWT": [("chalicelib.accounts.password", "jwt"), ("infra.demo", "jwt")],
    "The command line alone needs click and rich, which do not ship": [
        ("chalicelib.keys.rotation", "click"),
        ("infra.demo", "rich"),
    ],
    "The outermost modules alone know Chalice": [
        ("chalicelib.services", "chalice"),
        ("chalicelib.grants.grant", "chalice"),
    ],
}


@pytest.mark.parametrize("contract", CONTRACTS)
def test_forbidden_imports_break_their_contract(tmp_path: Path, contract: str) -> None:
    copy(tmp_path)
    for module, forbidden in FORBIDDEN[contract]:
        with (tmp_path / f"{module.replace('.', '/')}.py").open("a") as file:
            file.write(f"\n\ndef planted() -> None:\n    import {forbidden}\n")
    kept, said = contracts_kept(tmp_path)
    assert not kept[contract]
    for module, forbidden in FORBIDDEN[contract]:
        assert re.search(rf"{re.escape(module)} -> {re.escape(forbidden)} \(l", said), (
            f"{module} {forbidden}: {said}"
        )


def test_a_module_without_a_layer_is_found(tmp_path: Path) -> None:
    copy(tmp_path)
    (tmp_path / "chalicelib" / "unlisted.py").touch()
    kept, said = contracts_kept(tmp_path)
    assert not kept["Imports run downwards only"]
    assert "- chalicelib.unlisted" in said


def front_doors(source: str) -> set[str]:
    """What the app in `source` is made of: the modules that it imports, by the names in them."""
    imports = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Import | ast.ImportFrom)]
    return {
        f"{node.module}.{alias.name}" if isinstance(node, ast.ImportFrom) else alias.name
        for node in imports
        for alias in node.names
    }


def is_of_the_app(name: str) -> bool:
    """Whether app.py may import `name`: Chalice, the front doors of the three functions, and the routes."""
    doors = ("chalice.Chalice", "chalicelib.authorizer", "chalicelib.schedule")
    return name in doors or name.startswith("chalicelib.routes.")


def test_the_app_is_made_of_chalice_and_the_routes_alone() -> None:
    imported = front_doors((ROOT / "app.py").read_text())
    assert {"chalice.Chalice", "chalicelib.authorizer"} < imported
    assert [name for name in imported if not is_of_the_app(name)] == []


@pytest.mark.parametrize(
    "line",
    ["import boto3", "from chalicelib.stores import users", "from chalicelib import services", "import jwt"],
)
def test_another_import_of_the_app_would_be_seen(line: str) -> None:
    imported = front_doors((ROOT / "app.py").read_text() + line)
    assert [name for name in imported if not is_of_the_app(name)] != []


PACKAGES = ["chalicelib", *(f"chalicelib.{path.parent.name}" for path in sorted(CHALICELIB.glob("*/__init__.py")))]


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
