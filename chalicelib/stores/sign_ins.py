"""What a sign-in asks of two tables: who has the name and the counters of failures in one batch, then the user.

A name that nobody has reads an item that is not there, so that it takes as many calls as one that somebody has.
"""

from chalicelib.accounts.throttle import Attempts, Limits
from chalicelib.model import Device, User
from chalicelib.stores import attempts, users
from chalicelib.stores.attempts import AttemptStore
from chalicelib.stores.dynamodb import batch_get
from chalicelib.stores.users import UserStore

# No user's: those are 22 characters long.
_NOBODY = "nobody"


class SignInStore:
    """Every method raises `StoreUnavailableError`."""

    def __init__(self, user_store: UserStore, attempt_store: AttemptStore, limits: Limits) -> None:
        self._users = user_store
        self._attempts = attempt_store
        self._limits = limits

    def look_up(self, username: str, address: str) -> tuple[User | None, Attempts]:
        """The user of that name, if there is one, and the failures that may refuse this attempt."""
        claim, pair, of_address = batch_get(
            (self._users.table, users.name_key(username)),
            (self._attempts.table, attempts.pair_key(username, address)),
            (self._attempts.table, attempts.address_key(address)),
        )
        counted = Attempts(attempts.failures(pair), attempts.failures(of_address))
        return self._users.by_sub(claim["holder"] if claim else _NOBODY), counted

    def record_failure(self, username: str, device: Device, now: int) -> int:
        """Counts a failure three times over. Returns how often this username has failed from anywhere."""
        address = device.address
        self._attempts.count(attempts.pair_key(username, address), self._limits.pair, now)
        self._attempts.count(attempts.address_key(address), self._limits.address, now)
        return self._attempts.count(attempts.username_key(username), self._limits.username, now)
