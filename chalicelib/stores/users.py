"""Users, by `sub`. Each name and each email address is claimed once, also under a race.

A user is the item `sub:` + the sub. The items `username:` + the name's key, `skeleton:` + what it has in common
with names that look like it, and `email:` + the address's key claim these and point to it. What changes more than
one of them is one transaction, and so are the end of a user's sessions and its entry in the revocation feed. None
of that is on a hot path.
"""

import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from types import MappingProxyType

from chalicelib import scope as scopes
from chalicelib.accounts import email_address
from chalicelib.accounts import username as usernames
from chalicelib.accounts.confusables import skeletons
from chalicelib.accounts.sessions import EpochChangedError
from chalicelib.errors import EmailTakenError, UsernameTakenError
from chalicelib.model import EndReason, EpochChange, User
from chalicelib.stores.dynamodb import ConditionFailedError, Item, Table, batch_get
from chalicelib.stores.revocations import RevocationStore
from chalicelib.stores.transactions import Delete, Put, TransactionRefusedError, Update, transact
from chalicelib.tokens.claims import check_record
from chalicelib.tokens.revocations import Kind

_FREE = "attribute_not_exists(pk)"


class UserStore:
    """Every method raises `StoreUnavailableError`."""

    def __init__(self, table: Table, revocations: RevocationStore) -> None:
        self.table = table
        self._revocations = revocations

    def by_sub(self, sub: str) -> User | None:
        """The user with this `sub`."""
        item = self.table.get(key(sub))
        return read(item) if item else None

    def sub_of(self, username: str) -> str | None:
        """The `sub` of whoever has that name now, however it is spelt."""
        item = self.table.get(name_key(username))
        return item["holder"] if item else None

    def by_username(self, username: str) -> User | None:
        """The user of that name, however it is spelt."""
        sub = self.sub_of(username)
        return None if sub is None else self.by_sub(sub)

    def names(self, subs: Collection[str]) -> Mapping[str, str]:
        """The username of each of `subs`, at most 100, by one read; without those that there are no more."""
        wanted = sorted(set(subs))
        if not wanted:
            return {}
        items = batch_get(*((self.table, key(sub)) for sub in wanted))
        return {item["sub"]: item["username"] for item in items if item}

    def add(self, user: User) -> None:
        """Claims username and email at once.

        Raises `UsernameTakenError`, `EmailTakenError`, and `UnfitTokenError` for what fits into no token.
        """
        check_record(user.claims, user.scope)
        of_name = [claim | {"holder": user.sub} for claim in _name_claims(user.username)]
        items = [*of_name, _item(user)]
        if user.email is not None:
            items.append({"pk": _email_pk(user.email), "holder": user.sub})
        try:
            transact(*(Put(self.table, item, _FREE) for item in items))
        except TransactionRefusedError as refused:
            taken = EmailTakenError if refused.failed == {len(of_name) + 1} else UsernameTakenError
            raise taken from None

    def rename(self, user: User, username: str) -> None:
        """Claims the new name, frees the old one and changes the user, all at once.

        Raises `UsernameTakenError`, `EpochChangedError` where the user has another name than `user` says.
        """
        renamed = Update(
            self.table,
            key(user.sub),
            "SET username = :new",
            {":new": username, ":old": user.username},
            "username = :old",
        )
        old, new = _name_claims(user.username), _name_claims(username)
        claimed = [Put(self.table, claim | {"holder": user.sub}, _FREE) for claim in new if claim not in old]
        freed = [
            Delete(self.table, claim, "holder = :sub", {":sub": user.sub}) for claim in old if claim not in new
        ]
        try:
            transact(renamed, *claimed, *freed)
        except TransactionRefusedError as refused:
            taken = refused.failed <= set(range(1, 1 + len(claimed)))
            raise (UsernameTakenError if taken else EpochChangedError) from None

    def advance_epoch(self, user: User, change: EpochChange, password_hash: str | None = None) -> None:
        """Ends sessions as `change` says, with a new password where one is given, and tells the feed.

        All of it or nothing. Raises `EpochChangedError` where epoch, password or whether they are disabled are
        not as `user` has them.
        """
        entry = self._revocations.entry(Kind.USER, user.sub, change.at, epoch=change.epoch, kept=change.kept)
        values = _advance(user, change, password_hash)
        update = Update(self.table, key(user.sub), _ADVANCE_EPOCH, values, _AS_IT_WAS_READ)
        try:
            self._revocations.transact(entry, update)
        except TransactionRefusedError:
            raise EpochChangedError from None

    def all(self) -> Iterator[User]:
        """Every user, for an operator's commands alone."""
        return (read(item) for item in self.table.scan() if "username" in item)

    def end_sessions(self, user: User, change: EpochChange) -> bool:
        """Writes `change`, and tells no feed. Whether epoch, password and all were as `user` has them."""
        try:
            self.table.update(key(user.sub), _ADVANCE_EPOCH, _advance(user, change), _AS_IT_WAS_READ)
        except ConditionFailedError:
            return False
        return True

    def enable(self, user: User) -> None:
        """Lets the user sign in again, where the record is there."""
        with suppress(ConditionFailedError):
            self.table.update(
                key(user.sub), "SET disabled = :no", {":no": False}, condition="attribute_exists(pk)"
            )

    def replace_password_hash(self, user: User, password_hash: str) -> None:
        """Writes the hash in the place of the one that `user` has; where that has changed, leaves all as it is."""
        with suppress(ConditionFailedError):
            self.table.update(
                key(user.sub),
                "SET password_hash = :new",
                {":new": password_hash, ":old": user.password_hash},
                condition="password_hash = :old",
            )


_ADVANCE_EPOCH = (
    "SET session_epoch = :epoch, epoch_changes = :changes, kept_session = :kept, password_hash = :new, "
    "disabled = :disabled"
)
_AS_IT_WAS_READ = "session_epoch = :seen AND password_hash = :old AND disabled = :was"
# So that the list says why a session ended; what ended longer ago has the reason of the oldest of these.
_REMEMBERED_CHANGES = 20


def _advance(user: User, change: EpochChange, password_hash: str | None = None) -> Item:
    """The values of `_ADVANCE_EPOCH` and `_AS_IT_WAS_READ`."""
    changes = [*user.epoch_changes, change][-_REMEMBERED_CHANGES:]
    return {
        ":epoch": change.epoch,
        ":changes": [_change_item(each) for each in changes],
        ":kept": change.kept or "",
        ":new": password_hash or user.password_hash,
        ":seen": user.session_epoch,
        ":old": user.password_hash,
        ":disabled": user.disabled or change.reason is EndReason.DISABLED,
        ":was": user.disabled,
    }


def key(sub: str) -> Item:
    """The key of a user's item."""
    return {"pk": f"sub:{sub}"}


def name_key(username: str) -> Item:
    """The key of the item that claims a name."""
    return {"pk": f"username:{usernames.key(username)}"}


def _name_claims(username: str) -> list[Item]:
    """The keys of all items that claim a name: its own, and what it has in common with names that look like it."""
    return [name_key(username), *({"pk": f"skeleton:{each}"} for each in sorted(skeletons(username)))]


def _email_pk(email: str) -> str:
    return f"email:{email_address.key(email)}"


def _item(user: User) -> Item:
    return {
        **key(user.sub),
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
    return {"epoch": change.epoch, "at": change.at, "reason": change.reason.value, "kept": change.kept}


def _change(item: Item) -> EpochChange:
    return EpochChange(item["epoch"], item["at"], EndReason(item["reason"]), item["kept"])
