"""`python -m infra.package STAGE`: leaves build/STAGE/deployment.zip, beside it deployment.cdx.json and sam.yaml.

Chalice makes the template, infra/*.yaml are merged into it, and Chalice's zip is made again: with the dependencies
of requirements.lock for Lambda's own architecture, Chalice among them, compiled, without what nothing imports.
By hand, since `chalice package` takes wheels for x86_64 alone, and `sam build` doesn't know Chalice.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import yaml

from chalicelib import access_table
from chalicelib.gate import explanation, guarded_apis
from chalicelib.gate.policy import AccessTable
from infra import template
from infra.package import archive, dependencies, runtimes, sbom
from infra.package.dependencies import Distribution
from infra.package.wheels import ARCHITECTURES
from infra.refusal import RefusalError

ROOT = Path(__file__).parents[2]
ZIP, SBOM, TEMPLATE = "deployment.zip", "deployment.cdx.json", "sam.yaml"
DEFAULT_ARCHITECTURE = "x86_64"

# Chalice makes another app than the one that AWS gets where the shell has settings: those of a stage stand in
# .chalice/config.json.
_OURS = "GATEHOUSE_"

# All modules, and what functions import only when they are called.
_IMPORT_ALL = """
import ast, importlib, inspect, pkgutil, sys
sys.path.insert(0, sys.argv[1])
import app, chalicelib
for found in pkgutil.walk_packages(chalicelib.__path__, "chalicelib."):
    tree = ast.parse(inspect.getsource(importlib.import_module(found.name)))
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    for node in (inner for function in functions for inner in ast.walk(function)):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        for name in [node.module] if isinstance(node, ast.ImportFrom) else names:
            importlib.import_module(name)
print(*{name.partition(".")[0] for name in sys.modules})
"""


def check(stage: str) -> None:
    """Raises `RefusalError` for a stage that .chalice/config.json doesn't have. `local` is that of `make run`."""
    stages = [name for name in _config()["stages"] if name != "local"]
    if stage not in stages:
        raise RefusalError(f"there is no stage {stage!r} in .chalice/config.json: STAGE is {' or '.join(stages)}.")


def package(stage: str, architecture: str | None = None, region: str | None = None, project: Path = ROOT) -> Path:
    """Packages the app in `project` for `stage` and gives the directory of zip, SBOM and template, build/STAGE
    there.

    `architecture` is Lambda's `x86_64` or `arm64`; None: what .chalice/config.json says (`lambda_architecture`).
    `region` is any of the partition that it is for; None: that of the environment, else any of `aws`.
    Raises `RefusalError`.
    """
    check(stage)
    runtime = runtimes.known()
    architecture = architecture or _architecture(stage)
    if architecture not in ARCHITECTURES:
        raise RefusalError(f"Lambda has no architecture {architecture!r}: ARCHITECTURE is x86_64 or arm64.")
    installed = dependencies.installed(runtime, architecture)
    result = project / "build" / stage
    result.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f"{stage}-", dir=result.parent) as temporary:
        staged, made = Path(temporary) / "project", Path(temporary) / "made"
        _stage(project, staged, architecture)
        _run_chalice(staged, stage, made, region)
        distributions = _pack(made, staged, installed)
        (made / SBOM).write_text(sbom.text(distributions, made / ZIP, runtime.identifier, architecture))
        for name in (ZIP, SBOM, TEMPLATE):  # the template last: it says that all are new
            (made / name).replace(result / name)
    return result


def template_in(made: Path) -> dict[str, Any]:
    """The template in the directory `made`. The loader is the one in C: the other takes a second for it."""
    loaded: dict[str, Any] = yaml.load((made / TEMPLATE).read_text(), Loader=yaml.CSafeLoader)
    return loaded


def described(made: Path) -> str:
    """What lies in the directory `made`, for people: for which Lambda it is, how large, and what of."""
    function = template_in(made)["Resources"]["APIHandler"]["Properties"]
    head = f"build/{made.name} for {function['Runtime']} on {function['Architectures'][0]}"
    return f"{head}\n{archive.table(made / ZIP)}"


def guarded(stage: str) -> str:
    """How the APIs that `stage` names are guarded and why, our own first."""
    config = _config()
    variables = {**config, **config["stages"][stage]}.get("environment_variables", {})
    named = dict(word.partition("=")[::2] for word in variables.get("GATEHOUSE_GUARDED_APIS", "").split())
    own = AccessTable(access_table.guarded())
    tables = {
        service: guarded_apis.table_of(service) for service in sorted({*named.values()} - {guarded_apis.OWN})
    }
    return "\n".join(explanation.text(name, table) for name, table in ({guarded_apis.OWN: own} | tables).items())


def _config() -> dict[str, Any]:
    config: dict[str, Any] = json.loads((ROOT / ".chalice" / "config.json").read_text())
    return config


def _architecture(stage: str) -> str:
    config = _config()
    architecture: str = {**config, **config["stages"][stage]}.get("lambda_architecture", DEFAULT_ARCHITECTURE)
    return architecture


def _stage(project: Path, staged: Path, architecture: str) -> None:
    """A copy of the project without what Lambda has no use for. Chalice, which knows wheels of x86 alone, sees no
    requirement in it."""
    unwanted = shutil.ignore_patterns("__pycache__", "admin")
    shutil.copytree(project / "chalicelib", staged / "chalicelib", ignore=unwanted)
    shutil.copy(project / "app.py", staged)
    (staged / ".chalice").mkdir()
    for policy in (ROOT / ".chalice").glob("policy*.json"):
        shutil.copy(policy, staged / ".chalice")
    config = _config() | {"lambda_architecture": architecture}
    for settings in config["stages"].values():
        settings["lambda_architecture"] = architecture
    (staged / ".chalice" / "config.json").write_text(json.dumps(config))
    (staged / "requirements.txt").touch()


def _environment(region: str | None = None) -> dict[str, str]:
    environment = {name: text for name, text in os.environ.items() if not name.startswith(_OURS)}
    # Chalice asks for a region to name service principals; any of the same partition gives the same template.
    region = region or environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION") or "us-east-1"
    return environment | {"AWS_DEFAULT_REGION": region}


def _run_chalice(staged: Path, stage: str, made: Path, region: str | None) -> None:
    chalice = "import sys; from chalice.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", chalice, "--project-dir", str(staged), "package", "--stage", stage]
    additions = staged / "additions.yaml"
    additions.write_text(yaml.safe_dump(template.additions()))
    command += ["--merge-template", str(additions), str(made)]
    environment = _environment(region)
    done = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)  # noqa: S603
    if done.returncode:
        raise RefusalError(f"chalice cannot package the app:\n{(done.stderr or done.stdout).strip()}")


def _pack(made: Path, staged: Path, installed: Path) -> list[Distribution]:
    """Makes deployment.zip in `made` again, of what Chalice put in and of `installed`, and gives what of that."""
    tree = made / "tree"
    with ZipFile(made / ZIP) as chalices:
        chalices.extractall(tree)
    # What of Chalice runs on Lambda is known to Chalice; its code comes from the locked wheel.
    runtime = {name for name in _names(tree) if name.startswith("chalice/")}
    distributions = dependencies.shipped(installed, _imported(staged) - {"chalice"}, runtime)
    shutil.rmtree(tree / "chalice")
    dependencies.compile_all(tree)
    files = [(name, tree / name) for name in _names(tree)]
    files += [(str(path), installed / path) for distribution in distributions for path in distribution.files]
    archive.write(made / ZIP, files)
    return distributions


def _names(tree: Path) -> list[str]:
    return [file.relative_to(tree).as_posix() for file in tree.rglob("*") if file.is_file()]


def _imported(staged: Path) -> set[str]:
    """The top-level modules that a fresh interpreter has loaded once it has imported the whole app."""
    command = [sys.executable, "-I", "-c", _IMPORT_ALL, str(staged)]
    done = subprocess.run(command, env=_environment(), check=True, capture_output=True, text=True)  # noqa: S603
    return set(done.stdout.split())


def main(arguments: list[str]) -> None:
    """The command line. Prints what was made."""
    parser = argparse.ArgumentParser(prog="python -m infra.package")
    parser.add_argument("stage")
    parser.add_argument("--architecture", default=None)
    given = parser.parse_args(arguments)
    print(described(package(given.stage, given.architecture)))
    print(guarded(given.stage))
