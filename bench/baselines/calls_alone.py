"""Imports the modules and makes the calls to AWS that `given` lists, with clients of the configuration that the
service's have; and does nothing else."""

from importlib import import_module
from typing import Any

import boto3
from botocore.config import Config
from given import CALLS, CONFIG, MODULES  # type: ignore[import-not-found]

for _name in MODULES:
    import_module(_name)


def handler(_event: object, _context: object) -> dict[str, Any]:
    """Makes the calls."""
    services = dict.fromkeys(service for service, _, _ in CALLS)
    clients = {service: boto3.client(service, config=Config(**CONFIG)) for service in services}
    for service, method, parameters in CALLS:
        getattr(clients[service], method)(**parameters)
    return {"statusCode": 200}
