"""Waits for a busy machine: there an answer may take seconds, and a request far longer than Lambda would wait.

A try that is repeated because its answer was slow counts twice, and what runs out of time is 503: what no test
means to show but those of the time limits themselves.
"""

from typing import Any

from botocore.config import Config

from chalicelib.stores import aws

# Seconds. What is waited for comes; this is when a test gives up.
END = 600.0
_CONFIG = aws._CONFIG.merge(Config(connect_timeout=END, read_timeout=END))


def connect(service: Any) -> Any:
    """A client as the services have it, but patient."""
    return aws.connect(service, _CONFIG)
