"""Security events as log lines: one JSON object each, with the event's name and its fields."""

import json
import logging
import re
from dataclasses import asdict

from chalicelib.events import Event

_log = logging.getLogger("gatehouse.audit")
_log.setLevel(logging.INFO)


class AuditLog:
    """Writes events to the function's log."""

    def record(self, event: Event) -> None:
        """Writes `event` as one line."""
        name = re.sub(r"(?<!^)(?=[A-Z])", "_", type(event).__name__).lower()
        _log.info(json.dumps({"event": name, **asdict(event)}, sort_keys=True))
