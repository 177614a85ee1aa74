"""What a sign-in asks of two tables: who has the name and the counters of failures in one batch, then the user.

A name that nobody has reads an item that is not there, so that it takes as many calls as one that somebody has.
"""

from chalicelib.accounts.throttle import NONE, Attempts, Limit
from chalicelib.errors import StoreUnavailableError
from chalicelib.model import Device, User
from chalicelib.stores import attempts, users
from chalicelib.stores.attempts import AttemptStore
from chalicelib.stores.dynamodb import Item, batch_get
from chalicelib.stores.users import UserStore

# No user's: those are 22 characters long.
_NOBODY = "nobody"
# Past so many, the table itself does not answer, and everybody waits for it.
_MOST_OWED = 1_000


class SignInStore:
    """Every method raises `StoreUnavailableError`.

    A failure that could not be counted is owed: it is counted before this container tries the same username or the
    same network again. Otherwise, while counters cannot be written, a wrong password would be answered 503 and a
    right one 200, guess after guess. A right sign-in that owes nothing writes nothing.
    """

    def __init__(self, user_store: UserStore, attempt_store: AttemptStore) -> None:
        self._users = user_store
        self._attempts = attempt_store
        self._owed: dict[str, Limit] = {}

    def look_up(self, username: str, address: str, now: int) -> tuple[User | None, Attempts]:
        """The user of that name, if there is one, and the failures that may refuse this attempt."""
        self._count_owed(username, address, now)
        claim, pair, of_address = batch_get(
            (self._users.table, users.name_key(username)),
            (self._attempts.table, attempts.pair_key(username, address)),
            (self._attempts.table, attempts.address_key(address)),
        )
        counted = Attempts(attempts.counter(pair), attempts.counter(of_address))
        return self._users.by_sub(claim["holder"] if claim else _NOBODY), counted

    def record_failure(self, username: str, device: Device, now: int) -> int:
        """Counts a failure three times over. Returns how often this username has failed from anywhere."""
        counter, uncounted = NONE, None
        for key, limit in self._counters(username, device.address):
            try:
                counter = self._attempts.count(key, limit, now)
            except StoreUnavailableError as error:
                self._owed[key["pk"]], uncounted = limit, error
        if uncounted:
            raise uncounted
        return counter.count

    def _count_owed(self, username: str, address: str, now: int) -> None:
        owed = dict(self._owed)  # as it is now: other threads pay too
        due = [key["pk"] for key, _ in self._counters(username, address) if key["pk"] in owed]
        if len(owed) >= _MOST_OWED:
            due += list(owed)[:1]
        for pk in due:
            self._attempts.count({"pk": pk}, owed[pk], now)
            self._owed.pop(pk, None)

    def _counters(self, username: str, address: str) -> list[tuple[Item, Limit]]:
        limits = self._attempts.limits
        return [
            (attempts.pair_key(username, address), limits.pair),
            (attempts.address_key(address), limits.address),
            (attempts.username_key(username), limits.username),
        ]
