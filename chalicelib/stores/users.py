"""Users, by username. Each name and each email address is claimed once, also under a race.

A user is the item `username:` + the name's key; the item `email:` + the address claims that address. The two
are written in one transaction. So are the end of a user's sessions and its entry in the revocation feed. Neither
is on a hot path.
"""

import json
from types import MappingProxyType

from chalicelib import scope as scopes
from chalicelib.accounts import username as usernames
from chalicelib.accounts.sessions import EpochChangedError
from chalicelib.errors import EmailTakenError, UsernameTakenError
from chalicelib.model import EpochChange, User
from chalicelib.stores.dynamodb import (
    ConditionFailedError,
    Item,
    Put,
    Table,
    TransactionRefusedError,
    Update,
    transact,
)
from chalicelib.stores.revocations import RevocationStore
from chalicelib.tokens.revocations import Kind


class UserStore:
    """Every method raises `StoreUnavailableError`."""

    def __init__(self, table: Table, revocations: RevocationStore) -> None:
        self.table = table
        self._revocations = revocations

    def by_username(self, username: str) -> User | None:
        """The user of that name, however it is spelt."""
        item = self.table.get(key(username))
        return read(item) if item else None

    def add(self, user: User) -> None:
        """Claims username and email at once. Raises `UsernameTakenError`, `EmailTakenError`."""
        items = [_item(user)]
        if user.email is not None:
            items.append({"pk": _email_pk(user.email), "sub": user.sub})
        try:
            transact(*(Put(self.table, item, "attribute_not_exists(pk)") for item in items))
        except TransactionRefusedError as refused:
            taken = UsernameTakenError if 0 in refused.failed else EmailTakenError
            raise taken from None

    def advance_epoch(self, user: User, change: EpochChange, password_hash: str | None = None) -> None:
        """Ends sessions as `change` says, with a new password where one is given, and tells the feed.

        All of it or nothing. Raises `EpochChangedError` where epoch or password are not as `user` has them.
        """
        changes = [*user.epoch_changes, change][-_REMEMBERED_CHANGES:]
        values = {
            ":epoch": change.epoch,
            ":changes": [_change_item(each) for each in changes],
            ":kept": change.kept or "",
            ":new": password_hash or user.password_hash,
            ":seen": user.session_epoch,
            ":old": user.password_hash,
        }
        condition = "session_epoch = :seen AND password_hash = :old"
        entry = self._revocations.entry(Kind.USER, user.sub, change.at, epoch=change.epoch, kept=change.kept)
        try:
            self._revocations.transact(
                entry, Update(self.table, key(user.username), _ADVANCE_EPOCH, values, condition)
            )
        except TransactionRefusedError:
            raise EpochChangedError from None

    def replace_password_hash(self, user: User, password_hash: str) -> None:
        """Writes the hash in the place of the one that `user` has; where that has changed, leaves all as it is."""
        try:
            self.table.update(
                key(user.username),
                "SET password_hash = :new",
                {":new": password_hash, ":old": user.password_hash},
                condition="password_hash = :old",
            )
        except ConditionFailedError:
            return


_ADVANCE_EPOCH = "SET session_epoch = :epoch, epoch_changes = :changes, kept_session = :kept, password_hash = :new"
# For telling the user why a session ended; what ended longer ago is told by the oldest of these.
_REMEMBERED_CHANGES = 20


def key(username: str) -> Item:
    """The key of the item of `username`."""
    return {"pk": f"username:{usernames.key(username)}"}


def _email_pk(email: str) -> str:
    return f"email:{usernames.key(email)}"


def _item(user: User) -> Item:
    return {
        **key(user.username),
        "sub": user.sub,
        "username": user.username,
        "email": user.email,
        "password_hash": user.password_hash,
        "granted_scope": scopes.serialize(user.scope),
        "claims": json.dumps(dict(user.claims)),
        "disabled": user.disabled,
        "session_epoch": user.session_epoch,
        "kept_session": user.kept_session,
        "epoch_changes": [_change_item(change) for change in user.epoch_changes],
    }


def read(item: Item) -> User:
    """The user in `item`."""
    return User(
        sub=item["sub"],
        username=item["username"],
        email=item.get("email"),
        password_hash=item["password_hash"],
        scope=scopes.parse(item["granted_scope"]),
        claims=MappingProxyType(json.loads(item["claims"])),
        disabled=item["disabled"],
        session_epoch=item["session_epoch"],
        kept_session=item.get("kept_session") or None,
        epoch_changes=tuple(_change(change) for change in item["epoch_changes"]),
    )


def _change_item(change: EpochChange) -> Item:
    return {"epoch": change.epoch, "at": change.at, "reason": change.reason, "kept": change.kept}


def _change(item: Item) -> EpochChange:
    return EpochChange(item["epoch"], item["at"], item["reason"], item["kept"])
