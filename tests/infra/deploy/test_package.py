"""The package: the same bytes each time, compiled for the runtime that the template names, nothing idle in it."""

import importlib.util
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from chalicelib.version import VERSION
from infra.package import archive, build
from infra.refusal import RefusalError
from tests.infra.deploy.conftest import copy

pytestmark = pytest.mark.xdist_group("deploy")

FUNCTIONS = ("APIHandler", "Gate", "RotateKeys")
AARCH64 = 183  # e_machine in the header of an ELF file

# Imports what the functions are made of, and prints where from. It sees the standard library and `places`.
IMPORT = """
import sys
sys.path[:0] = {places!r}
import importlib, json
for name in {names!r}:
    importlib.import_module(name)
print(json.dumps({{n: m.__cached__ for n, m in sys.modules.items() if getattr(m, "__cached__", None)}}))
"""


@pytest.fixture(scope="module")
def names(packaged: Path) -> list[str]:
    with ZipFile(packaged / "deployment.zip") as zipped:
        return zipped.namelist()


@pytest.fixture(scope="module")
def tree(packaged: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("task")
    with ZipFile(packaged / "deployment.zip") as zipped:
        zipped.extractall(directory)
    return directory


@pytest.fixture(scope="module")
def template(packaged: Path) -> Mapping[str, Any]:
    return build.template_in(packaged)


def test_the_package_has_the_version(tree: Path) -> None:
    program = "import sys; sys.path[:0] = [sys.argv[1]]; from chalicelib.version import VERSION; print(VERSION)"
    command = [sys.executable, "-I", "-c", program, str(tree)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == f"{VERSION}\n"


def test_the_same_sources_make_the_same_package(project: Path, packaged: Path, tmp_path: Path) -> None:
    again = build.package("prod", project=copy(project, tmp_path))
    for name in ("deployment.zip", "deployment.cdx.json", "sam.yaml"):
        assert (again / name).read_bytes() == (packaged / name).read_bytes()


def test_every_module_is_compiled_for_the_runtime_that_the_template_names(
    names: list[str], template: Mapping[str, Any]
) -> None:
    (runtime,) = {template["Resources"][name]["Properties"]["Runtime"] for name in FUNCTIONS}
    tag = runtime.replace("python", "cpython-").replace(".", "")
    assert sys.implementation.cache_tag == tag
    modules = {Path(name) for name in names if name.endswith(".py")}
    compiled = {str(module.parent / "__pycache__" / f"{module.stem}.{tag}.pyc") for module in modules}
    assert {name for name in names if name.endswith(".pyc")} == compiled


def test_compiled_code_is_taken_without_a_look_at_its_source(tree: Path) -> None:
    for compiled in tree.rglob("*.pyc"):
        code, source = (
            compiled.read_bytes(),
            (compiled.parents[1] / f"{compiled.name.split('.')[0]}.py").read_bytes(),
        )
        assert code[:4] == importlib.util.MAGIC_NUMBER
        assert int.from_bytes(code[4:8], "little") == 0b01  # PEP 552: by hash, not checked
        assert code[8:16] == importlib.util.source_hash(source)


def test_nothing_lies_in_it_that_no_function_imports(names: list[str]) -> None:
    tops = {name.split("/")[0] for name in names if ".dist-info/" not in name}
    modules = {top.partition(".")[0] for top in tops} - {"__pycache__"}
    assert modules == {
        "app",
        "chalice",
        "chalicelib",
        "cryptography",
        "email_validator",
        "idna",
        "jwt",
        "_cffi_backend",
    }
    assert not [name for name in names if name.endswith(".pyi") or "/tests/" in name or "/admin/" in name]


def test_of_a_distribution_beside_its_code_lie_its_licences_alone(names: list[str]) -> None:
    beside = [name for name in names if ".dist-info/" in name]
    assert {name.split("-")[0] for name in beside} == {
        "cffi",
        "chalice",
        "cryptography",
        "email_validator",
        "idna",
        "pyjwt",
    }
    assert all(Path(name).name.startswith(("LICENSE", "AUTHORS", "NOTICE")) for name in beside)


def test_the_whole_app_runs_from_the_zip_and_boto3_and_takes_the_compiled_code(tree: Path, tmp_path: Path) -> None:
    for name in ("boto3", "botocore", "dateutil", "jmespath", "s3transfer", "six", "urllib3"):
        found = importlib.util.find_spec(name)
        assert found is not None
        assert found.origin is not None
        origin = Path(found.origin)
        source = origin.parent if origin.name == "__init__.py" else origin
        (tmp_path / source.name).symlink_to(source)
    modules = [file.relative_to(tree).with_suffix("") for file in (tree / "chalicelib").rglob("*.py")]
    dotted = ["app", *(".".join(module.parts).removesuffix(".__init__") for module in modules)]
    cached = imported(dotted, tree, tmp_path)
    ours = {name: path for name, path in cached.items() if name.split(".")[0] in {"app", "chalicelib", "jwt"}}
    assert set(dotted) <= ours.keys()
    assert all(path.startswith(str(tree)) and Path(path).exists() for path in ours.values())


def test_the_gate_runs_from_the_zip_alone(tree: Path) -> None:
    assert "chalicelib.tokens.access_token_verifier" in imported(["chalicelib.authorizer"], tree)


def imported(names: list[str], *places: Path) -> Mapping[str, str]:
    """Where the compiled code of each module lies that a process loads that imports `names` and sees `places`."""
    program = IMPORT.format(places=[str(place) for place in places], names=names)
    command = [sys.executable, "-I", "-S", "-B", "-c", program]
    done = subprocess.run(command, env={"AWS_DEFAULT_REGION": "us-east-1"}, check=True, capture_output=True)
    cached: dict[str, str] = json.loads(done.stdout)
    return cached


def test_settings_of_the_shell_do_not_reach_the_package(template: Mapping[str, Any]) -> None:
    """The tests' own environment opens the sign-up, which is guarded where it isn't open."""
    paths = template["Resources"]["RestAPI"]["Properties"]["DefinitionBody"]["paths"]
    assert paths["/users"]["post"]["security"]


def test_each_function_has_a_role_that_writes_its_own_logs_and_does_nothing_else(
    template: Mapping[str, Any],
) -> None:
    resources = template["Resources"]
    for name in FUNCTIONS:
        role = resources[name]["Properties"]["Role"]["Fn::GetAtt"][0]
        (policy,) = resources[role]["Properties"]["Policies"]
        (statement,) = policy["PolicyDocument"]["Statement"]
        assert statement["Resource"] == {"Fn::GetAtt": [f"{name}Logs", "Arn"]}
        assert statement["Action"] == ["logs:CreateLogStream", "logs:PutLogEvents"]


def test_another_architecture_takes_its_own_shared_libraries(project: Path, tmp_path: Path) -> None:
    made = build.package("prod", "arm64", project=copy(project, tmp_path))
    resources = build.template_in(made)["Resources"]
    assert [resources[name]["Properties"]["Architectures"] for name in FUNCTIONS] == [["arm64"]] * 3
    with ZipFile(made / "deployment.zip") as zipped:
        libraries = [zipped.read(name) for name in zipped.namelist() if name.endswith(".so")]
    assert len(libraries) == 2
    assert all(int.from_bytes(library[18:20], "little") == AARCH64 for library in libraries)


def test_the_code_of_chalice_is_that_of_the_locked_wheel(
    project: Path, packaged: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Chalice's packager puts itself into the zip, as it is installed here: by version, not by hash."""
    run_chalice = build._run_chalice

    def run_altered(staged: Path, stage: str, made: Path, region: str | None) -> None:
        run_chalice(staged, stage, made, region)
        with ZipFile(made / "deployment.zip") as zipped:
            files = {name: zipped.read(name) for name in zipped.namelist()}
        files["chalice/app.py"] += b"PLANTED = True"
        files["chalice/planted.py"] = b""
        with ZipFile(made / "deployment.zip", "w") as zipped:
            for name, content in files.items():
                zipped.writestr(name, content)

    monkeypatch.setattr(build, "_run_chalice", run_altered)
    made = build.package("prod", project=copy(project, tmp_path))
    assert (made / "deployment.zip").read_bytes() == (packaged / "deployment.zip").read_bytes()


def test_an_architecture_that_lambda_lacks_is_refused() -> None:
    with pytest.raises(RefusalError, match="Lambda has no architecture 'riscv': ARCHITECTURE is x86_64 or arm64"):
        build.package("dev", "riscv")


@pytest.mark.parametrize("stage", ["local", "nowhere"])
def test_a_stage_that_there_is_not_is_refused(stage: str) -> None:
    with pytest.raises(RefusalError, match=f"there is no stage '{stage}' .* STAGE is dev or prod"):
        build.package(stage)


def test_an_app_that_does_not_start_is_told_as_chalice_tells_it(project: Path, tmp_path: Path) -> None:
    broken = copy(project, tmp_path)
    (broken / "app.py").write_text("raise RuntimeError('no such luck')")
    with pytest.raises(RefusalError, match=r"(?s)chalice cannot package the app:.*no such luck"):
        build.package("prod", project=broken)


def test_the_sizes_are_those_of_the_zip(packaged: Path) -> None:
    sizes = archive.sizes(packaged / "deployment.zip")
    zipped = (packaged / "deployment.zip").stat().st_size
    assert next(iter(sizes)) == "cryptography"
    assert 0 <= zipped - sum(size for size, _ in sizes.values()) < 0.02 * zipped  # what a zip says of its entries
    assert f"deployment.zip  {archive.human(zipped)}" in archive.table(packaged / "deployment.zip")


def test_the_zip_is_small_enough_for_lambda(packaged: Path) -> None:
    """250 MB unpacked ("Lambda quotas")."""
    assert sum(whole for _, whole in archive.sizes(packaged / "deployment.zip").values()) < 250_000_000
