"""Users, by username. Each name and each email address is claimed once, also under a race.

A user is the item `username:` + the name's key; the item `email:` + the address claims that address. The two
are written in one transaction: the only one in the house, and on no hot path.
"""

import json
from types import MappingProxyType

from botocore.exceptions import ClientError

from chalicelib import scope as scopes
from chalicelib import username as usernames
from chalicelib.errors import EmailTakenError, StoreUnavailableError, UsernameTakenError
from chalicelib.model import User
from chalicelib.stores.aws import available
from chalicelib.stores.dynamodb import ConditionFailedError, Item, Table, marshal


class UserStore:
    """Every method raises `StoreUnavailableError`."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def by_username(self, username: str) -> User | None:
        """The user of that name, however it is spelt."""
        item = self._table.get(_key(username))
        return _user(item) if item else None

    def add(self, user: User) -> None:
        """Claims username and email at once. Raises `UsernameTakenError`, `EmailTakenError`."""
        items = [_item(user)]
        if user.email is not None:
            items.append({"pk": _email_pk(user.email), "sub": user.sub})
        writes = [
            {"Put": {"TableName": self._table.name, "Item": marshal(item), "ConditionExpression": _NEW}}
            for item in items
        ]
        try:
            with available():
                self._table.client.transact_write_items(TransactItems=writes)  # type: ignore[arg-type]
        except ClientError as error:
            raise _taken(error) from None

    def replace_password_hash(self, user: User, password_hash: str) -> None:
        """Writes the hash in the place of the one that `user` has; where that has changed, leaves all as it is."""
        try:
            self._table.update(
                _key(user.username),
                "SET password_hash = :new",
                {":new": password_hash, ":old": user.password_hash},
                condition="password_hash = :old",
            )
        except ConditionFailedError:
            return


_NEW = "attribute_not_exists(pk)"


def _key(username: str) -> Item:
    return {"pk": f"username:{usernames.key(username)}"}


def _email_pk(email: str) -> str:
    return f"email:{usernames.key(email)}"


def _taken(error: ClientError) -> Exception:
    if error.response["Error"]["Code"] != "TransactionCanceledException":
        return error
    codes = [reason.get("Code") for reason in error.response.get("CancellationReasons", [])]
    match codes:
        case ["ConditionalCheckFailed", *_]:
            return UsernameTakenError()
        case [_, "ConditionalCheckFailed"]:
            return EmailTakenError()
        case _:
            # Another transaction holds one of the two items, or throughput ran out: worth another try.
            return StoreUnavailableError(detail=f"TransactWriteItems: {codes}")


def _item(user: User) -> Item:
    return {
        **_key(user.username),
        "sub": user.sub,
        "username": user.username,
        "email": user.email,
        "password_hash": user.password_hash,
        "granted_scope": scopes.serialize(user.scope),
        "claims": json.dumps(dict(user.claims)),
        "disabled": user.disabled,
        "session_epoch": user.session_epoch,
        "kept_session": user.kept_session,
    }


def _user(item: Item) -> User:
    return User(
        sub=item["sub"],
        username=item["username"],
        email=item.get("email"),
        password_hash=item["password_hash"],
        scope=scopes.parse(item["granted_scope"]),
        claims=MappingProxyType(json.loads(item["claims"])),
        disabled=item["disabled"],
        session_epoch=item["session_epoch"],
        kept_session=item.get("kept_session"),
    )
