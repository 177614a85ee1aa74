"""Times as people and clients read them."""

from datetime import UTC, datetime


def rfc3339(numeric_date: int) -> str:
    """A NumericDate in RFC 3339, in UTC: `2026-01-31T08:00:00Z`."""
    return datetime.fromtimestamp(numeric_date, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
