"""Two writers of one item at the same moment: DynamoDB turns one of them away, who has changed nothing.

That is the case for a single write that meets a transaction, and for two transactions (TransactionConflict in the
reference of TransactWriteItems). botocore does not try those again.
"""

import random
import time
from collections.abc import Callable
from typing import TypeVar

from botocore.exceptions import ClientError

from chalicelib import deadline

Answer = TypeVar("Answer")

# Seconds before another try, each up to twice as long, so that those who met do not meet again.
PAUSES = (0.02, 0.05, 0.1, 0.2, 0.4)


def settled(write: Callable[[], Answer]) -> Answer:
    """What `write` answers, tried again while it only met another writer. Raises what `write` raises."""
    for pause in PAUSES:
        try:
            return write()
        except ClientError as error:
            if not _met_another(error) or deadline.passed():
                raise
        time.sleep(pause * (1 + random.random()))  # noqa: S311
    return write()


def _met_another(error: ClientError) -> bool:
    if error.response["Error"]["Code"] == "TransactionConflictException":
        return True
    reasons = {reason.get("Code") for reason in error.response.get("CancellationReasons", [])}
    # A condition that did not hold is an answer: no other try would find it otherwise.
    return "TransactionConflict" in reasons and reasons <= {"TransactionConflict", "None", None}
