"""The revocation feed for the gate, where the setting says that it reads it. The gate's only way to boto3."""

from collections.abc import Callable

from chalicelib import deadline
from chalicelib.settings import Settings, SettingsError
from chalicelib.stores.aws import connect
from chalicelib.stores.revocations import revocation_store
from chalicelib.tokens.revocation_feed import Feed
from chalicelib.tokens.revocations import Revocations

# What a pull may take until its last try of a call begins, in seconds. A fetch of the keys may come before it.
_PATIENCE = 3.0


def revocations(given: Settings) -> Callable[[int], Revocations]:
    """What is revoked at a NumericDate, by the table that the settings name. Makes no call until it is asked.

    Raises `SettingsError`; what it gives raises `StoreUnavailableError`, as `Feed.current` does.
    """
    if not given.revocations_table:
        raise SettingsError("GATEHOUSE_GATE_READS_FEED needs GATEHOUSE_REVOCATIONS_TABLE")
    store = revocation_store(given, connect("dynamodb"))
    feed = Feed(store, given.revocation_interval, given.revocation_tolerance)

    def current(now: int) -> Revocations:
        with deadline.within(_PATIENCE):
            return feed.current(now)

    return current
