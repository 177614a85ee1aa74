"""What an operator reads when something is missing: one line on standard error, and status 1."""

import sys
from collections.abc import Callable

from botocore.exceptions import BotoCoreError, ClientError


class RefusalError(Exception):
    """Nothing was done, or nothing more: `str()` says in plain words why, and what helps."""


def run(command: Callable[[], None]) -> None:
    """Runs `command`; where it is refused, by us or by AWS, the program ends with one line and status 1."""
    try:
        command()
    except RefusalError as error:
        sys.exit(f"gatehouse: {error}")
    except KeyboardInterrupt:
        sys.exit("gatehouse: interrupted. AWS goes on with what was begun.")
    except ClientError as error:
        refusal = error.response.get("Error", {})
        sys.exit(f"gatehouse: AWS refused {error.operation_name}: {refusal.get('Message') or refusal.get('Code')}")
    except BotoCoreError as error:
        sys.exit(f"gatehouse: {error}")
