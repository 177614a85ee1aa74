"""The gate's Lambda function, without app.py and boto3: settings read, parts put together, the handler `gate`."""

import logging
import os
import time
from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from chalice import Blueprint
from chalice.app import ChaliceAuthorizer

from chalicelib.access_table import guarded
from chalicelib.errors import InvalidTokenError
from chalicelib.gate.decision import Gate
from chalicelib.gate.policy import AccessTable
from chalicelib.keys.remote_jwk_set import fetch_jwk_set
from chalicelib.settings import Settings, from_environment

if TYPE_CHECKING:
    from chalicelib.gate.request_event import Asked
    from chalicelib.tokens.revocations import Revocations

# How long API Gateway may use one answer again. The API checks `exp` and the revocations itself.
CACHE_SECONDS = 300

_log = logging.getLogger(__name__)


class _Authorizer(ChaliceAuthorizer):
    """Chalice's, but that the handler gets the event as it came: Chalice knows TOKEN events alone."""

    def _transform_event(self, event: dict[str, Any]) -> Any:
        return event


class _Blueprint(Blueprint):
    def _wrap_handler(self, _handler_type: str, handler_name: str, user_handler: Callable[..., Any]) -> Any:
        return _Authorizer(handler_name, user_handler)


blueprint = _Blueprint(__name__)


def _guarded(settings: Settings) -> Mapping[str, AccessTable] | None:
    if not settings.guarded_apis:
        return None
    from chalicelib.gate.guarded_apis import load  # here, so that a gate without it starts as fast as ever

    return load(settings, PROTECTED)


def _revocations(settings: Settings) -> "Callable[[int], Revocations] | None":
    if not settings.gate_reads_feed:
        return None
    from chalicelib.gate.revocation_feed import revocations  # here, for it brings boto3

    return revocations(settings)


# Checked once; a table that cannot be guarded stops the start.
PROTECTED = AccessTable(guarded())
SETTINGS = from_environment(os.environ)
GATE = Gate(SETTINGS, PROTECTED, fetch_jwk_set, time.time, _guarded(SETTINGS), _revocations(SETTINGS))


@cache
def _request_reader() -> "Callable[[Mapping[str, Any]], Asked]":
    from chalicelib.gate.request_event import read  # here, so that a gate of TOKEN events starts as fast as ever

    return read


if PROTECTED.cause:
    _log.info("guarded by route: %s", PROTECTED.cause)


@blueprint.authorizer(ttl_seconds=CACHE_SECONDS)
def gate(event: Mapping[str, Any]) -> dict[str, Any]:
    """The authorizer, for TOKEN and REQUEST events.

    API Gateway answers 401 for exactly `Exception("Unauthorized")`, and 503 for any other.
    """
    try:
        if event["type"] == "REQUEST":
            return GATE.decide(*_request_reader()(event))
        return GATE.decide(event["authorizationToken"], event["methodArn"])
    except InvalidTokenError as error:
        _log.info("refused: %s", error.detail)
        raise Exception("Unauthorized") from None  # noqa: TRY002 (by contract)
