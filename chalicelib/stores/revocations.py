"""The revocation feed's table: entries in quarter-hour buckets, sorted by time, each gone by its time to live.

A pull reads one or two buckets, from a point in time on; where nothing ended within a lifetime, two or three
empty ones.
"""

from collections.abc import Iterator

from chalicelib.stores.dynamodb import Item, Put, Range, Table
from chalicelib.tokens.revocations import OVERLAP, Kind, Revocation

_BUCKET = 900


class RevocationStore:
    """`lifetime` is the longest life of an access token, in seconds."""

    def __init__(self, table: Table, lifetime: int) -> None:
        self._table = table
        self._lifetime = lifetime

    def put(self, revocation: Revocation) -> Put:
        """The write that adds `revocation`, to be made together with the change that it tells of."""
        kind, subject, at = revocation.kind.value, revocation.subject, revocation.at
        item = {
            "bucket": _bucket(at),
            "id": f"{_time(at)} {kind} {subject} {revocation.epoch}",
            "kind": kind,
            "subject": subject,
            "at": at,
            "epoch": revocation.epoch,
            "kept": revocation.kept,
            "expires_at": at + self._lifetime + 2 * OVERLAP,
        }
        return Put(self._table, item)

    def add(self, revocation: Revocation) -> None:
        """Adds an entry by itself. Raises `StoreUnavailableError`."""
        self._table.put(self.put(revocation).item)

    def since(self, start: int, now: int) -> Iterator[Revocation]:
        """Every entry from `start` on, also of writers whose clock is ahead. Raises `StoreUnavailableError`."""
        for number in range(start // _BUCKET, (now + OVERLAP) // _BUCKET + 1):
            for item in self._table.query(Range("bucket", str(number), "id", _time(start))):
                yield _revocation(item)


def _bucket(at: int) -> str:
    return str(at // _BUCKET)


def _time(at: int) -> str:
    # Ten digits, so that texts sort as the numbers do.
    return f"{at:010d}"


def _revocation(item: Item) -> Revocation:
    return Revocation(Kind(item["kind"]), item["subject"], item["at"], item["epoch"], item.get("kept"))
