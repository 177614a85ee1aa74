"""What an operator is told when something is missing: one line on standard error, and status 1."""

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
        sys.exit("gatehouse: interrupted. AWS goes on with what it was told.")
    except ClientError as error:
        told = error.response.get("Error", {})
        sys.exit(f"gatehouse: AWS refused {error.operation_name}: {told.get('Message') or told.get('Code')}")
    except BotoCoreError as error:
        sys.exit(f"gatehouse: {error}")
