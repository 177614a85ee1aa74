"""What every command shares: `--json` and `--yes` behind it, the exit statuses, the question."""

import click
import pytest

from chalicelib.admin import command
from chalicelib.admin.__main__ import admin as root
from chalicelib.admin.command import DONE, REFUSED, WRONG_CALL, verb
from chalicelib.admin.output import Result
from chalicelib.errors import NotFoundError
from chalicelib.services import Services
from tests.admin.conftest import Admin, in_a_process


@click.group
def things() -> None:
    """A noun."""


@verb(things, "drop", asks="Drop it?")
@click.argument("name")
def drop(services: Services, name: str) -> Result:
    """Drop NAME."""
    if name == "nothing":
        raise NotFoundError(detail=f"after {services.now()}")
    if name == "slow":
        raise KeyboardInterrupt
    return Result({"dropped": name}, message=f"Dropped {name}.")


def run(*arguments: str) -> int:
    return command.run(things, [*arguments], "things")


def every_command() -> dict[str, click.Command]:
    nouns = {name: noun for name, noun in root.commands.items() if isinstance(noun, click.Group)}
    return {f"{name} {verb}": found for name, noun in nouns.items() for verb, found in noun.commands.items()}


@pytest.mark.usefixtures("services")
def test_done_is_0_and_says_what_was_done(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("drop", "a", "--yes") == DONE == 0
    assert capsys.readouterr() == ("Dropped a.\n", "")


@pytest.mark.parametrize(
    "order", [("--yes", "--json", "drop"), ("drop", "--yes", "--json"), ("--json", "drop", "--yes")]
)
@pytest.mark.usefixtures("services")
def test_the_options_stand_anywhere_behind_the_command(
    capsys: pytest.CaptureFixture[str], order: tuple[str, ...]
) -> None:
    arguments = [*(option for option in order if option != "drop"), "a"]
    assert run("drop", *arguments) == DONE
    assert capsys.readouterr().out == '{"dropped": "a"}\n'


@pytest.mark.usefixtures("services")
def test_what_is_not_there_is_1_and_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("drop", "nothing", "--yes", "--json") == REFUSED == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(NotFoundError.description)
    assert err.count("\n") == 1
    assert err.endswith(" (after 1800000000)\n")


@pytest.mark.usefixtures("services")
def test_who_interrupts_is_told_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("drop", "slow", "--yes") == REFUSED
    assert capsys.readouterr().err.endswith("Interrupted.\n")


@pytest.mark.parametrize("arguments", [[], ["drop"], ["drop", "a", "b"], ["drop", "a", "--other"], ["lift"]])
def test_a_wrong_call_is_2_and_says_how(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*arguments) == WRONG_CALL == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("Usage: things ")


@pytest.mark.parametrize("arguments", [["--help"], ["keys", "--help"], ["keys", "revoke", "--help"]])
def test_help_is_no_mistake(admin: Admin, arguments: list[str]) -> None:
    ran = admin(*arguments)
    assert (ran.status, ran.err) == (0, "")
    assert ran.out.startswith("Usage: python -m chalicelib.admin ")


def test_every_command_takes_json_and_yes_and_says_what_it_does() -> None:
    assert len(every_command()) >= 3
    for name, found in every_command().items():
        options = {option for parameter in found.params for option in parameter.opts}
        assert {"--json", "--yes"} <= options, name
        assert found.help, name


def test_a_process_ends_with_the_status() -> None:
    assert in_a_process("keys").status == WRONG_CALL
    assert in_a_process("--help").status == DONE
