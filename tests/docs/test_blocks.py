"""Every block of README and docs that a reader would paste can be read by what it is pasted into."""

import json
import re

import pytest
import yaml

from tests.support.pages import PAGES, ROOT, Block, blocks
from tests.support.shells import SHELLS, syntax_errors

ALL = [block for page in PAGES for block in blocks(page)]
SHELL = [block for block in ALL if block.language in {"sh", "bash"}]
PYTHON = [block for block in ALL if block.language == "python"]
YAML = [block for block in ALL if block.language == "yaml"]
JSON = [block for block in ALL if block.language == "json"]

# A comment at zsh's prompt is a command that is not found; other characters would be patterns or open a quote.
HARMLESS = re.compile(r"# [\w .,:/=-]*")
# Outside quotes: what only bash and zsh read, and a comment behind a command.
QUOTED = re.compile(r"'[^']*'|\"(?:[^\"\\]|\\.)*\"", re.DOTALL)


def test_the_blocks_are_found() -> None:
    fences = sum(len(re.findall(r"^ *```", page.read_text(), re.MULTILINE)) for page in PAGES)
    assert fences == 2 * len(ALL) > 0
    assert all((SHELL, PYTHON, YAML, JSON))
    assert {block.language for block in ALL} == {"", "sh", "bash", "python", "yaml", "json"}


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("block", SHELL, ids=str)
def test_a_shell_reads_the_block(block: Block, shell: str) -> None:
    if (block.language, shell) != ("bash", "dash"):
        assert syntax_errors(shell, block.text) == ""


@pytest.mark.parametrize("block", SHELL, ids=str)
def test_a_block_can_be_pasted_at_any_prompt(block: Block) -> None:
    comments = [line for line in block.text.splitlines() if line.startswith("#")]
    assert [line for line in comments if not HARMLESS.fullmatch(line)] == []
    commands = QUOTED.sub("quoted", "\n".join(line for line in block.text.splitlines() if line not in comments))
    assert "<<<" not in commands
    assert re.search(r"\s#", commands) is None


@pytest.mark.parametrize("block", SHELL, ids=str)
def test_make_has_every_target(block: Block) -> None:
    made = set(re.findall(r"^(?:[A-Z]+=\S+ )*make (\w+)", block.text, re.MULTILINE))
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert made <= targets


@pytest.mark.parametrize("block", PYTHON, ids=str)
def test_python_compiles_the_block(block: Block) -> None:
    compile(block.text, str(block), "exec")


@pytest.mark.parametrize("block", YAML, ids=str)
def test_the_block_is_yaml(block: Block) -> None:
    assert isinstance(yaml.safe_load(block.text), dict)


@pytest.mark.parametrize("block", JSON, ids=str)
def test_the_block_is_json(block: Block) -> None:
    # One that begins with a name is a member, to be pasted into an object.
    text = f"{{{block.text}}}" if block.text.startswith('"') else block.text
    assert json.loads(text)
