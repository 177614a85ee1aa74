"""Sessions, by user and session id: one item each, so that a refresh is one conditional write and a user can only
ever reach their own. The ids sort by time, so that the newest come first."""

from collections.abc import Iterator

from chalicelib import ids
from chalicelib import scope as scopes
from chalicelib.grants.refresh_token import SessionRotation
from chalicelib.model import Device, EndReason, Session
from chalicelib.stores.dynamodb import ConditionFailedError, Item, Range, Table
from chalicelib.stores.revocations import RevocationStore
from chalicelib.stores.transactions import TransactionRefusedError, Update
from chalicelib.tokens.revocations import Kind

_ROTATE = (
    "SET generation = :next, rotated_at = :now, expires_at = :expires_at, "
    "address = :address, user_agent = :user_agent"
)
_AT_THIS_GENERATION = (
    "generation = :generation AND secret_hash = :secret_hash AND client_id = :client_id "
    "AND attribute_not_exists(ended_at) AND expires_at > :now AND absolute_expires_at > :now "
    "AND (session_epoch = :session_epoch OR session_id = :kept_session)"
)


_END = "SET ended_at = :now, reason = :reason"
_NOT_ENDED = "attribute_exists(session_id) AND attribute_not_exists(ended_at)"

PAGE_SIZE = 100


class SessionStore:
    """Every method raises `StoreUnavailableError`."""

    def __init__(self, table: Table, revocations: RevocationStore) -> None:
        self._table = table
        self._revocations = revocations

    def add(self, session: Session) -> None:
        """Writes a new session."""
        self._table.put(_item(session))

    def get(self, sub: str, session_id: str) -> Session | None:
        """The session, living or not."""
        item = self._table.get(_key(sub, session_id))
        return _session(item) if item else None

    def rotate(self, rotation: SessionRotation) -> tuple[bool, Session | None]:
        """One conditional write, as `grants.refresh_token.Sessions` describes it."""
        token = rotation.token
        values = {
            ":generation": token.generation,
            ":next": token.generation + 1,
            ":secret_hash": token.secret_hash(),
            ":client_id": rotation.client_id,
            ":now": rotation.now,
            ":expires_at": rotation.expires_at,
            ":address": rotation.device.address,
            ":user_agent": rotation.device.user_agent,
            ":session_epoch": rotation.session_epoch,
            ":kept_session": rotation.kept_session or "",
        }
        try:
            item = self._table.update(_key(token.sub, token.session_id), _ROTATE, values, _AT_THIS_GENERATION)
        except ConditionFailedError as refused:
            return False, _session(refused.item) if refused.item else None
        return True, _session(item)

    def end(self, sub: str, session_id: str, reason: EndReason, now: int) -> bool:
        """Ends the session and tells the feed, both or neither. The first reason stays.

        Returns whether this call ended it. Raises `RevocationsFullError`.
        """
        entry = self._revocations.entry(Kind.USER, sub, now, ended=frozenset({session_id}))
        try:
            self._revocations.transact(entry, self._ending(sub, session_id, reason, now))
        except TransactionRefusedError:
            # Ended before, perhaps by another container, of which this one has not read yet.
            self._revocations.note(entry)
            return False
        return True

    def _ending(self, sub: str, session_id: str, reason: EndReason, now: int) -> Update:
        values = {":now": now, ":reason": reason.value}
        return Update(self._table, _key(sub, session_id), _END, values, _NOT_ENDED)

    def newest(self, sub: str, after: str | None = None, since: int | None = None) -> Iterator[Session]:
        """The sessions of the user, living or not, newest first, read page by page as they are asked for.

        Those before the id `after`, or those that began at the NumericDate `since` or later.
        """
        first = None if since is None else ids.first_at(since)
        keys = Range("sub", sub, "session_id", first=first, after=after, newest_first=True)
        for items in self._table.pages(keys, PAGE_SIZE):
            yield from (_session(item) for item in items)


def _key(sub: str, session_id: str) -> Item:
    return {"sub": sub, "session_id": session_id}


def _item(session: Session) -> Item:
    asked_scope = session.asked_scope
    return {
        **_key(session.sub, session.session_id),
        "client_id": session.client_id,
        "asked_scope": None if asked_scope is None else scopes.serialize(asked_scope),
        "secret_hash": session.secret_hash,
        "generation": session.generation,
        "session_epoch": session.session_epoch,
        "created_at": session.created_at,
        "rotated_at": session.rotated_at,
        "expires_at": session.expires_at,
        "absolute_expires_at": session.absolute_expires_at,
        "address": session.device.address,
        "user_agent": session.device.user_agent,
        "ended_at": session.ended_at,
        "reason": None if session.reason is None else session.reason.value,
    }


def _session(item: Item) -> Session:
    asked_scope = item.get("asked_scope")
    return Session(
        sub=item["sub"],
        session_id=item["session_id"],
        client_id=item["client_id"],
        asked_scope=None if asked_scope is None else scopes.parse(asked_scope),
        secret_hash=item["secret_hash"],
        generation=item["generation"],
        session_epoch=item["session_epoch"],
        created_at=item["created_at"],
        rotated_at=item["rotated_at"],
        expires_at=item["expires_at"],
        absolute_expires_at=item["absolute_expires_at"],
        device=Device(item["address"], item["user_agent"]),
        ended_at=item.get("ended_at"),
        reason=EndReason(item["reason"]) if "reason" in item else None,
    )
