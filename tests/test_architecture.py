"""The house is built as its plan says: imports run one way, the map is complete, the gate starts light."""

import re
import subprocess
import sys
from pathlib import Path

import chalicelib

ROOT = Path(__file__).parents[1]
HOUSE = ROOT / "chalicelib"


def test_imports_run_one_way() -> None:
    # In a process of its own: it configures logging, and disables the loggers that there are.
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout


def modules(folder: Path) -> set[str]:
    """The modules and the folders of modules in `folder`."""
    files = {path.stem for path in folder.glob("*.py") if not path.stem.startswith("__")}
    return files | {path.parent.name for path in folder.glob("*/__init__.py")}


def rooms() -> dict[str, list[str]]:
    """The lines of the map by the folder that they speak of; "" is the house itself."""
    assert chalicelib.__doc__
    _, _, plan = chalicelib.__doc__.partition("The rooms.")
    lines: dict[str, list[str]] = {"": []}
    folder = ""
    for line in plan.splitlines()[1:]:
        indent = len(line) - len(line.lstrip())
        if indent == 4:
            lines[""].append(line)
            folder = line.strip().partition("/")[0] if "/ " in line else ""
        elif indent > 4:
            assert folder, f"{line!r} stands in no room"
        if indent and folder:
            lines.setdefault(folder, []).append(line)
    return lines


def names(line: str) -> list[str]:
    """What stands before the description: `users, sessions    what they are`."""
    return re.split(r"\s{2,}", line.strip())[0].replace("/", "").split(", ")


def test_the_map_names_nothing_that_is_not_there() -> None:
    for folder, lines in rooms().items():
        named = {name for line in lines if names(line) != [folder] for name in names(line)}
        assert named <= modules(HOUSE / folder), folder


def test_every_room_is_on_the_map() -> None:
    plan = rooms()
    assert set(plan) - {""} == {path.parent.name for path in HOUSE.glob("*/__init__.py")}
    for folder, lines in plan.items():
        words = set(re.findall(r"\w+", "\n".join(lines)))
        assert modules(HOUSE / folder) <= words, folder


def test_a_name_stands_on_the_map_once() -> None:
    for folder, lines in rooms().items():
        named = [name for line in lines for name in names(line)]
        assert len(set(named)) == len(named), folder


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
    assert "chalicelib.verify" in ours
    assert not {"stores", "routes", "grants", "runtime"} & {name.split(".")[1] for name in ours}
