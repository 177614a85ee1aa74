"""Counters of failed sign-ins. Each begins with its first failure and ends by its time to live.

What was typed as a username is kept as a hash only: people type passwords there.
"""

import hashlib

from chalicelib.accounts import username as usernames
from chalicelib.accounts.throttle import NO_FAILURES, Failures, Limit
from chalicelib.network import network
from chalicelib.stores.dynamodb import ConditionFailedError, Item, Table


class AttemptStore:
    """Every method raises `StoreUnavailableError`."""

    def __init__(self, table: Table) -> None:
        self.table = table

    def count(self, key: Item, limit: Limit, now: int) -> int:
        """Counts one failure at `key`, in the window that runs or in a new one. Returns the failures in it."""
        for _ in range(2):
            try:
                return int(self._add(key, now)["failures"])
            except ConditionFailedError:
                pass
            try:
                self.table.put({**key, "failures": 1, "expires_at": now + limit.window}, _OVER, {":now": now})
            except ConditionFailedError:
                continue  # another failure has just opened the window
            return 1
        return limit.failures

    def _add(self, key: Item, now: int) -> Item:
        values = {":one": 1, ":now": now}
        return self.table.update(key, "ADD failures :one", values, condition="expires_at > :now")


_OVER = "attribute_not_exists(pk) OR expires_at <= :now"


def pair_key(username: str, address: str) -> Item:
    """The counter of one username from the network of one address."""
    return {"pk": f"pair:{_digest(usernames.key(username), network(address))}"}


def address_key(address: str) -> Item:
    """The counter of the network of one address."""
    return {"pk": f"address:{network(address)}"}


def username_key(username: str) -> Item:
    """The counter of one username, from anywhere."""
    return {"pk": f"username:{_digest(usernames.key(username))}"}


def failures(item: Item | None) -> Failures:
    """The counter in `item`."""
    return Failures(item["failures"], item["expires_at"]) if item else NO_FAILURES


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
