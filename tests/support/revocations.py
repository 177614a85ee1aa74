"""Entries of the revocation feed, written and read by tests."""

from chalicelib.services import Services
from chalicelib.tokens.revocations import Kind, Revocation
from tests.support.callers import container

FAR = 4_000_000_000  # NumericDate


def ended(subject: str, *ids: str, window: int = 0, until: int = FAR) -> Revocation:
    """An entry that ends sessions or tokens of the user `subject`."""
    return Revocation(Kind.USER, subject, window, until, ended=frozenset(ids))


def end(services: Services, sub: str, *ids: str, at: int) -> None:
    """Ends sessions or tokens of the user `sub` in the feed's table alone, as another container does."""
    entry = services.revocations.entry(Kind.USER, sub, at, ended=frozenset(ids))
    container(services).revocations.transact(entry)


def entries(services: Services, start: int, now: int) -> list[Revocation]:
    """What the feed's table has from `start` on."""
    return [entry for page in services.revocations.read(start, now) for entry in page.revocations]


def ended_ids(services: Services, start: int, now: int) -> set[str]:
    """The sessions and tokens that the feed's table names from `start` on."""
    return {ended for entry in entries(services, start, now) for ended in entry.ended}
