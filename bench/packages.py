"""What bench.cold starts: the package as it is deployed, and those that it is compared to."""

import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZipFile

from infra.emulated import deployed, lambda_runtime
from infra.package import dependencies

_HERE = Path(__file__).parent
# What the peers need, as pip has installed and compiled it.
_PEERS = frozenset(
    {"jwt", "cryptography", "_cffi_backend", "aws_lambda_powertools", "jmespath", "typing_extensions"}
)


@dataclass(frozen=True, slots=True)
class Packages:
    """Directories: the package as it is deployed, the same compiled anew, not at all; and the baselines' code."""

    packaged: Path
    compiled: Path
    uncompiled: Path
    bare: Path
    peers: Path
    layer: Path


def make(directory: Path) -> Packages:
    """Makes all of them below `directory`."""
    package = deployed.package() / "deployment.zip"
    made = Packages(
        packaged=lambda_runtime.unpack(package, directory / "packaged"),
        compiled=_sources(package, directory / "compiled"),
        uncompiled=_sources(package, directory / "uncompiled"),
        bare=directory / "bare",
        peers=directory / "peers",
        layer=directory / "layer",
    )
    subprocess.run([sys.executable, "-m", "compileall", "-q", made.compiled], check=True)  # noqa: S603
    _copy(made.layer, "stopwatch", "keys_at_hand", "calls_alone")
    _copy(made.bare, "bare")
    shutil.copytree(made.uncompiled / "chalice", made.bare / "chalice")
    _copy(made.peers, "peer")
    _add_peers(made.peers)
    for code in (made.layer, made.bare, made.peers):
        dependencies.compile_all(code)
    return made


def _sources(package: Path, directory: Path) -> Path:
    """The package as Chalice makes it: nothing is compiled."""
    with ZipFile(package) as archive:
        archive.extractall(directory, [name for name in archive.namelist() if "__pycache__" not in name])
    return directory


def _copy(directory: Path, *names: str) -> None:
    directory.mkdir()
    for name in names:
        shutil.copy(_HERE / "baselines" / f"{name}.py", directory)


def _add_peers(directory: Path) -> None:
    """The modules of bench.peers, whose types have a stand-in, and the libraries that they use."""
    unwanted = shutil.ignore_patterns("node", "__pycache__")
    shutil.copytree(_HERE / "peers", directory / "bench" / "peers", ignore=unwanted)
    (directory / "bench" / "__init__.py").touch()
    (directory / "bench" / "issued.py").write_text("Authorizer = Event = Issued = object\n")
    for installed in Path(sysconfig.get_path("platlib")).iterdir():
        if installed.name.partition(".")[0] in _PEERS:
            (directory / installed.name).symlink_to(installed)
