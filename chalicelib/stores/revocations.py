"""The revocation feed's table: one item for each principal and window, gone by its time to live.

The partition key is a quarter of an hour and a shard, the sort key the window's start, until when it matters, and
the principal. So a pull reads one or two partitions of each shard, from a window on, and what one principal ends
within a window is one item, however often they do it. Names are short, for a read is paid by the item's size: `e`
epoch, `k` kept session, `s` ended ids.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any
from zlib import crc32

from chalicelib.clocks import CLOCK_SKEW
from chalicelib.errors import StoreUnavailableError
from chalicelib.settings import LONGEST_ACCESS_TOKEN_LIFETIME, Settings
from chalicelib.stores.dynamodb import Range, Table
from chalicelib.stores.transactions import Put, TransactionRefusedError, Update, transact
from chalicelib.tokens.revocation_feed import Page, Position
from chalicelib.tokens.revocations import WINDOW, Kind, Revocation, RevocationsFullError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_BUCKET = 900
# So many ids fit into one entry; who ends more within a window ends all by the epoch.
MAX_ENDED = 20
_ROOM = "attribute_not_exists(s) OR size(s) < :most"


class RevocationStore:
    """`lifetime` is how long access tokens live now, `longest` how long any may ever live, in seconds. `shards`
    is how many partitions share a quarter of an hour. `note` gets what was written here."""

    def __init__(
        self,
        table: Table,
        lifetime: int,
        longest: int,
        shards: int = 1,
        note: Callable[[Revocation], None] = lambda _: None,
    ) -> None:
        self._table = table
        self._lifetime = lifetime
        self.longest = longest
        self._shards = shards
        self.note = note

    def entry(
        self,
        kind: Kind,
        subject: str,
        now: int,
        *,
        epoch: int = 0,
        kept: str | None = None,
        ended: frozenset[str] = frozenset(),
    ) -> Revocation:
        """What ends now, with until when it matters: a token that a clock ahead of ours issued in this window's
        last second may live so long."""
        window = now // WINDOW * WINDOW
        until = window + WINDOW + CLOCK_SKEW + self._lifetime
        return Revocation(kind, subject, window, until, epoch, kept, ended)

    def transact(self, entry: Revocation, *writes: Put | Update) -> None:
        """Makes `writes` and adds `entry` to the feed: all or nothing. This container knows at once.

        Raises `TransactionRefusedError` where a condition of `writes` did not hold, `RevocationsFullError`,
        `StoreUnavailableError`.
        """
        try:
            transact(*writes, self._addition(entry))
        except TransactionRefusedError as refused:
            if refused.failed == {len(writes)}:
                raise RevocationsFullError from None
            raise
        self.note(entry)

    def end_token(self, client_id: str, jti: str, now: int) -> None:
        """Ends the one access token `jti` of the client. Raises what `transact` raises."""
        self.transact(self.entry(Kind.CLIENT, client_id, now, ended=frozenset({jti})))

    def read(self, start: int, now: int, position: Position | None = None) -> Iterator[Page]:
        """As `revocation_feed.Store` describes it; also of writers whose clock is ahead."""
        first = start // WINDOW * WINDOW
        for bucket in range(first // _BUCKET, (now + CLOCK_SKEW) // _BUCKET + 1):
            for shard in range(self._shards):
                after = None
                if position is not None:
                    if (bucket, shard) < position[:2]:
                        continue
                    after = position.id if (bucket, shard) == position[:2] else None
                keys = Range("bucket", _partition(bucket, shard), "id", first=_digits(first), after=after)
                for items in self._table.stored_pages(keys):
                    if items:
                        yield Page([_read(item) for item in items], Position(bucket, shard, items[-1]["id"]["S"]))

    def _addition(self, entry: Revocation) -> Update:
        shard = crc32(entry.subject.encode()) % self._shards
        identity = f"{_digits(entry.window)} {_digits(entry.until)} {entry.kind.value} {entry.subject}"
        key = {"bucket": _partition(entry.window // _BUCKET, shard), "id": identity}
        values: dict[str, Any] = {":gone": entry.until + CLOCK_SKEW}
        changes = ["expires_at = :gone"]
        if entry.epoch:
            changes += ["e = :epoch", "k = :kept"]
            values |= {":epoch": entry.epoch, ":kept": entry.kept or ""}
        expression = f"SET {', '.join(changes)}"
        if not entry.ended:
            return Update(self._table, key, expression, values)
        values |= {":ended": set(entry.ended), ":most": MAX_ENDED}
        return Update(self._table, key, f"{expression} ADD s :ended", values, _ROOM)


def _partition(bucket: int, shard: int) -> str:
    return f"{bucket}.{shard}"


def _digits(time: int) -> str:
    # Ten digits, so that texts sort as the numbers do.
    return f"{time:010d}"


def _read(item: Mapping[str, Any]) -> Revocation:
    """The entry in `item`, which is in DynamoDB's own form: a first load reads very many."""
    try:
        window, until, kind, subject = item["id"]["S"].split(" ", 3)
        return Revocation(
            kind=Kind(kind),
            subject=subject,
            window=int(window),
            until=int(until),
            epoch=int(item["e"]["N"]) if "e" in item else 0,
            kept=(item["k"]["S"] or None) if "k" in item else None,
            ended=frozenset(item["s"]["SS"]) if "s" in item else frozenset(),
        )
    except (KeyError, ValueError):
        raise StoreUnavailableError(detail="the revocation feed has an entry that cannot be read") from None


def revocation_store(
    given: Settings, client: "DynamoDBClient", note: Callable[[Revocation], None] = lambda _: None
) -> RevocationStore:
    """The store that the settings describe; `client` is a DynamoDB client."""
    return RevocationStore(
        Table(client, given.revocations_table),
        given.access_token_lifetime,
        LONGEST_ACCESS_TOKEN_LIFETIME,
        given.revocation_shards,
        note,
    )
