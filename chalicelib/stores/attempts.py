"""Counters of failed sign-ins, and of requests that hash. Each begins with its first and ends by its time to live.

What was typed as a username is kept as a hash only: people type passwords there.
"""

import hashlib

from chalicelib.accounts import email_address
from chalicelib.accounts import username as usernames
from chalicelib.accounts.throttle import NONE, Counter, Limit, Limits
from chalicelib.network import network
from chalicelib.stores.dynamodb import ConditionFailedError, Item, Table


class AttemptStore:
    """Every method raises `StoreUnavailableError`."""

    def __init__(self, table: Table, limits: Limits) -> None:
        self.table = table
        self.limits = limits

    def count_hashing(self, address: str, now: int) -> Counter:
        """Counts a request to a route that hashes, from the network of `address`."""
        return self.count(hashing_key(address), self.limits.hashing, now)

    def count_sign_up(self, email: str, address: str, now: int) -> Counter:
        """Counts a sign-up with `email`, as it is normalized, from the network of `address`."""
        return self.count(sign_up_key(email, address), self.limits.pair, now)

    def count(self, key: Item, limit: Limit, now: int) -> Counter:
        """Counts one at `key`, in the window that runs or in a new one. Returns the counter with it."""
        opened = {**key, "failures": 1, "expires_at": now + limit.window}
        for _ in range(2):
            try:
                return counter(self._add(key, now))
            except ConditionFailedError:
                pass
            try:
                self.table.put(opened, _OVER, {":now": now})
            except ConditionFailedError:
                continue  # another has just opened the window
            return counter(opened)
        return Counter(limit.count, now + limit.window)

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


def hashing_key(address: str) -> Item:
    """The counter of requests to routes that hash, from the network of one address."""
    return {"pk": f"hashing:{network(address)}"}


def sign_up_key(email: str, address: str) -> Item:
    """The counter of one email address that was signed up with from the network of one address."""
    return {"pk": f"sign-up:{_digest(email_address.key(email), network(address))}"}


def counter(item: Item | None) -> Counter:
    """The counter in `item`."""
    return Counter(int(item["failures"]), int(item["expires_at"])) if item else NONE


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
