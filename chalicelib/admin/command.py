"""What every command shares: `--json`, `--yes`, its question, its result, and how it ends.

A noun is a module with a `click.Group`; its verbs are functions that take the services and give a `Result`.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from chalicelib.admin.output import Result, show
from chalicelib.errors import GatehouseError
from chalicelib.services import current
from chalicelib.settings import SettingsError

Verb = Callable[..., Result]
"""Takes the services, and by name what `click` read of the command line."""

DONE, REFUSED, WRONG_CALL = 0, 1, 2


def verb(group: click.Group, name: str, *, asks: str = "", of_stack: bool = True) -> Callable[[Verb], Verb]:
    """Adds a function to `group` as the command `name`, which its docstring describes.

    `asks` is the question that somebody has to answer with yes before it runs. Without `of_stack` it needs no
    stack, and is not given the services.
    """

    def register(run: Verb) -> Verb:
        @group.command(name, help=run.__doc__)
        @click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
        @click.option("--yes", is_flag=True, help="Answer yes to what would be asked.")
        @wraps(run)
        def invoked(*, as_json: bool, yes: bool, **parameters: Any) -> None:
            if asks and not yes:
                _ask(asks)
            given = [current()] if of_stack else []
            show(run(*given, **parameters), as_json=as_json)

        return run

    return register


def _ask(question: str) -> None:
    # On standard error: standard output may be a JSON document for somebody.
    try:
        agreed = click.confirm(question, err=True)
    except click.Abort:  # nobody is there to answer
        click.echo(err=True)
        agreed = False
    if not agreed:
        raise RefusedError("Nothing was changed.")


class RefusedError(Exception):
    """The command is not done; the text says why, in one line."""


def run(command: click.Command, arguments: list[str] | None, name: str) -> int:
    """Runs `command`; the exit status is `DONE`, `REFUSED` (one line on standard error) or `WRONG_CALL`."""
    try:
        status: int | None = command.main(arguments, prog_name=name, standalone_mode=False)
    except click.UsageError as error:
        error.show()
        return WRONG_CALL
    except (RefusedError, SettingsError) as error:
        return _refused(str(error))
    except GatehouseError as error:
        detail = f" ({error.detail})" if error.detail else ""
        return _refused(f"{error.description}{detail}")
    except click.Abort:  # Ctrl-C
        return _refused("Interrupted.")
    return status or DONE


def _refused(line: str) -> int:
    click.echo(line, err=True)
    return REFUSED
