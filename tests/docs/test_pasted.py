"""What README and docs say of the local API and of a route of one's own, pasted and run."""

import json
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from tests.support.client import basic, bearer
from tests.support.local_stack import Running
from tests.support.pages import ROOT, blocks
from tests.support.patience import END
from tests.support.shells import SHELLS, paste

pytestmark = pytest.mark.xdist_group("pasted")

README, ROUTE, API = ROOT / "README.md", ROOT / "docs/protect-a-route.md", ROOT / "docs/api.md"
WRITTEN = "http://127.0.0.1:8000"
# Each curl writes its status on a line of standard error.
CURLRC = 'write-out = "%{stderr}status %{http_code}\\n"\n'


# --- A route of one's own


def followed(folder: Path, page: Path) -> Path:
    """A copy of the project in which a reader has done what `page` says of a route."""
    copy = folder / "project"
    for name in ("chalicelib", "infra", ".chalice"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", "deployments"))
    shutil.copy(ROOT / "app.py", copy)
    pieces = dict(block.text.removeprefix("# ").split("\n", 1) for block in blocks(page, "python")[:2])
    insert(copy / "chalicelib/access_table.py", "ACCESS_TABLE = (\n", pieces["chalicelib/access_table.py"])
    (copy / "chalicelib/routes/reports.py").write_text(pieces["chalicelib/routes/reports.py"])
    insert(copy / "app.py", "from chalicelib.routes import ", "reports, ")
    insert(copy / "app.py", "for module in (", "reports, ")
    return copy


def insert(file: Path, after: str, text: str) -> None:
    """Writes `text` into `file` behind `after`, which stands there once."""
    before, found, rest = file.read_text().partition(after)
    assert found
    assert after not in rest
    file.write_text(before + after + text + rest)


@pytest.fixture(scope="module")
def stacks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[Path, Running]]:
    """`make run` of the project, by the page that its reader has followed."""
    folders = {page: tmp_path_factory.mktemp(page.stem) for page in (README, ROUTE)}
    running: dict[Path, Running] = {}
    try:
        for page, folder in folders.items():
            running[page] = Running(folder, followed(folder, page))
        yield running
    finally:
        for stack in running.values():
            stack.process.kill()
            stack.process.communicate()


def status(url: str, headers: Mapping[str, str]) -> int:
    """The status of the answer to GET."""
    try:
        with urlopen(Request(url, headers=dict(headers)), timeout=END) as answer:
            return int(answer.status)
    except HTTPError as error:
        return error.code


def token(stack: Running, username: str) -> str:
    asked = Request(f"{stack.url}/tokens", headers=basic(username, f"{username}-password"), method="POST")
    with urlopen(asked, timeout=END) as answer:
        access_token: str = json.load(answer)["access_token"]
        return access_token


@pytest.mark.parametrize("page", [README, ROUTE], ids=lambda page: page.stem)
def test_the_route_lets_in_whom_the_table_names(stacks: Mapping[Path, Running], page: Path) -> None:
    stack = stacks[page]
    route = f"{stack.url}/reports/7"
    assert status(route, bearer(token(stack, "admin"))) == 200
    assert status(route, bearer(token(stack, "demo"))) == 403
    assert status(route, {}) == 401


# --- Commands


def pasted(shell: str, text: str, stack: Running, home: Path) -> tuple[str, list[int]]:
    """What `text` prints in `shell`, and the status of each curl in it."""
    (home / ".curlrc").write_text(CURLRC)
    done = paste(shell, text.replace(WRITTEN, stack.url), CURL_HOME=str(home))
    complaints = re.findall(r"(?:zsh|bash|dash|sh|python3|curl): .*|.*Error.*", done.stderr)
    assert [each for each in complaints if each != "zsh: command not found: #"] == []
    return done.stdout, [int(code) for code in re.findall(r"status (\d+)$", done.stderr, re.MULTILINE)]


def commands(page: Path) -> list[str]:
    """The blocks of `page` with commands for the local API."""
    return [block.text for block in blocks(page, "sh") if WRITTEN in block.text]


@pytest.mark.parametrize("shell", SHELLS)
def test_the_round_trip_of_the_readme(stacks: Mapping[Path, Running], shell: str, tmp_path: Path) -> None:
    round_trip, route = commands(README)
    printed, codes = pasted(shell, round_trip, stacks[README], tmp_path)
    assert codes == [200, 200, 200]
    assert '"username":"demo"' in printed
    assert '"refresh_token"' in printed

    printed, codes = pasted(shell, route, stacks[README], tmp_path)
    assert codes == [200, 200]
    assert '"reader":"admin"' in printed


@pytest.mark.parametrize("shell", SHELLS)
def test_the_commands_that_make_run_prints(stacks: Mapping[Path, Running], shell: str, tmp_path: Path) -> None:
    printed = "\n".join(line.strip() for line in stacks[README].said.splitlines() if line.startswith("  "))
    answers, codes = pasted(shell, printed, stacks[README], tmp_path)
    assert codes == [200, 200, 200]
    assert '"username":"demo"' in answers


@pytest.mark.parametrize("shell", SHELLS)
def test_the_commands_for_a_route(stacks: Mapping[Path, Running], shell: str, tmp_path: Path) -> None:
    printed, codes = pasted(shell, "\n".join(commands(ROUTE)), stacks[ROUTE], tmp_path)
    assert codes == [200, 200, 201, 204]
    assert '"title":"Weather"' in printed


@pytest.mark.parametrize("shell", SHELLS)
def test_the_commands_of_the_api(stacks: Mapping[Path, Running], shell: str, tmp_path: Path) -> None:
    in_the_readme, _ = commands(README)
    signed_in, refresh, _ = in_the_readme.partition("# 3.")
    assert refresh
    tokens, accounts = commands(API)
    text = f"{signed_in}\n{tokens}\n{accounts}".replace("zoe", f"zoe-{shell}")
    printed, codes = pasted(shell, text, stacks[README], tmp_path)
    assert codes == [200, 200, *(200, 200, 200, 204), *(201, 200, 200, 200, 204, 200, 204)]
    assert f'"username":"zoe-{shell}"' in printed


# --- A token elsewhere


def test_any_service_verifies_a_token(stacks: Mapping[Path, Running]) -> None:
    (block,) = [block for block in blocks(README, "python") if "PyJWKClient" in block.text]
    names: dict[str, object] = {"token": token(stacks[README], "demo")}
    exec(compile(block.text.replace(WRITTEN, stacks[README].url), str(block), "exec"), names)  # noqa: S102
    assert isinstance(names["claims"], dict)
    assert names["claims"]["iss"] == stacks[README].url
