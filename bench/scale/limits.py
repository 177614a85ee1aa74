"""AWS's limits and ours, and at how many users each is reached under the usage model of `cost`."""

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil

from bench.scale.cost import DAY, DAYS, MILLION, USAGE, duration
from bench.scale.operations import FEED, GATE, LOGOUT, NEW, REFRESH, REQUEST, SIGN_IN, Measured
from bench.scale.prices import READS
from bench.scale.units import reading
from chalicelib.settings import Settings
from chalicelib.tokens.revocation_feed import READ_BACK
from infra import template

SERVED = (SIGN_IN, LOGOUT, REFRESH, REQUEST)
# Assumed: containers that live, for each that is busy in the busiest second.
CONTAINERS = 2
# "Lambda scaling behavior": so many new environments of a function in so many seconds.
_NEW_CONTAINERS, _NEW_IN = 1_000, 10
# A page of the sample resource: so many comments of about so many bytes.
_PAGE, _COMMENT = 100, 200
MOST_USERS = 10**12

Load = Callable[[Measured, float], float]


@dataclass(frozen=True, slots=True)
class Limit:
    """`most` is the limit; `load` tells how much of it so many users take in the busiest second."""

    name: str
    most: float
    load: Load
    source: str
    moved_by: str

    def reached_at(self, measured: Measured) -> int:
        """So many users reach it."""
        low, high = 0, MOST_USERS
        while low < high:
            middle = (low + high) // 2
            if self.load(measured, middle) >= self.most:
                high = middle
            else:
                low = middle + 1
        return low


def a_second(users: float, operation: str) -> float:
    """How often `operation` happens in the busiest second."""
    return users * USAGE.a_day(operation) / DAY * USAGE.peak


def api_requests(_: Measured, users: float) -> float:
    """Requests to the API in the busiest second."""
    return sum(a_second(users, operation) for operation in SERVED)


def concurrency(measured: Measured, users: float) -> float:
    """Functions at work at the same moment ("Understanding Lambda function scaling": rate times duration)."""
    return sum(a_second(users, operation) * duration(measured, operation) / 1000 for operation in (*SERVED, GATE))


def containers(measured: Measured, users: float) -> float:
    """Containers of the API function that live in the busiest second; one at least."""
    busy = sum(a_second(users, operation) * duration(measured, operation) / 1000 for operation in SERVED)
    return max(1.0, CONTAINERS * busy)


def starts(measured: Measured, users: float) -> float:
    """Containers a second, when all that live start at once, as fast as Lambda starts them: after a deployment."""
    return min(containers(measured, users), _NEW_CONTAINERS) / _NEW_IN


def feed_reads(measured: Measured, users: float) -> float:
    """Units a second that all containers read of the newest bucket: each reads what ended since the last pull,
    and in the `READ_BACK` before. Where nothing has ended lately, it looks into older, empty buckets too."""
    given, ends = Settings(), a_second(users, LOGOUT)
    lately = measured.entry_size * ends * (given.revocation_interval + READ_BACK)
    quiet = ends * given.access_token_lifetime < 1
    units = measured.counted[FEED].units if quiet else reading(ceil(lately))
    return containers(measured, users) / given.revocation_interval * units.read


def feed_a_month(measured: Measured, users: float) -> float:
    """Dollars for a month of `feed_reads`, as if no container were ever idle: the most."""
    units = feed_reads(measured, users / USAGE.peak) * DAY * DAYS
    return units * READS.dollars / MILLION


def first_feed_reads(measured: Measured, users: float) -> float:
    """Units a second while containers start, each of which reads what ended within a lifetime of access tokens."""
    within = a_second(users, LOGOUT) * Settings().access_token_lifetime
    return starts(measured, users) * reading(ceil(within * measured.entry_size)).read


def feed_writes(_: Measured, users: float) -> float:
    """Units a second that are written into the newest bucket."""
    return 2 * a_second(users, LOGOUT)


def session_writes(measured: Measured, users: float) -> float:
    """Units a second that are written into the table of sessions; of an end's, half are the feed's."""
    own = {SIGN_IN: 1.0, REFRESH: 1.0, LOGOUT: 0.5}
    return sum(
        a_second(users, operation) * measured.counted[operation].units.write * part
        for operation, part in own.items()
    )


def ring_reads(measured: Measured, users: float) -> float:
    """Units a second that all containers read of the key ring."""
    return containers(measured, users) / Settings().jwks_max_age * reading(measured.ring_size).read


def decryptions(measured: Measured, users: float) -> float:
    """Calls of KMS a second while containers start."""
    return starts(measured, users) * measured.counted[NEW].calls.count("Decrypt")


def comment_reads(_: Measured, users: float) -> float:
    """Units a second, were every request for a full page of comments."""
    return a_second(users, REQUEST) * reading(_PAGE * _COMMENT).read


def _parameter(name: str) -> int:
    return int(template.additions()["Parameters"][name]["Default"])


def limits() -> list[Limit]:
    """All of them. Figures of AWS are its defaults in us-east-1."""
    partition = "Best practices for designing and using partition keys"
    gateway, scaling = "Amazon API Gateway quotas", "Lambda quotas"
    return [
        Limit(
            "requests let in, a second",
            _parameter("RequestsPerSecond"),
            api_requests,
            "infra/limits.yaml",
            "parameter `RequestsPerSecond`",
        ),
        Limit(
            "sign-ins let in, a second",
            _parameter("SignInsPerSecond"),
            lambda _, users: a_second(users, SIGN_IN),
            "infra/limits.yaml",
            "parameter `SignInsPerSecond`; `GATEHOUSE_PASSWORD_PROFILE` for what each costs",
        ),
        Limit("requests to all APIs of an account, a second", 10_000, api_requests, gateway, "Service Quotas"),
        Limit(
            "functions at work at a time",
            1_000,
            concurrency,
            scaling,
            "Service Quotas; memory in `.chalice/config.json`",
        ),
        Limit(
            "feed, newest bucket: units read a second",
            3_000,
            feed_reads,
            partition,
            "`GATEHOUSE_REVOCATION_INTERVAL`",
        ),
        Limit(
            "feed, newest bucket: units written a second",
            1_000,
            feed_writes,
            partition,
            "nothing: buckets are by time",
        ),
        Limit(
            "feed, while containers start: units read a second",
            3_000,
            first_feed_reads,
            partition,
            "`GATEHOUSE_ACCESS_TOKEN_LIFETIME`",
        ),
        Limit("key ring: units read a second", 3_000, ring_reads, partition, "`GATEHOUSE_JWKS_MAX_AGE`"),
        Limit(
            "sessions: units written a second",
            40_000,
            session_writes,
            "Quotas in Amazon DynamoDB",
            "Service Quotas; `GATEHOUSE_ACCESS_TOKEN_LIFETIME` for how often each refreshes",
        ),
        Limit(
            "KMS, calls a second while containers start",
            100_000,
            decryptions,
            "Request quotas (AWS KMS)",
            "Service Quotas",
        ),
        Limit(
            "sample resource: units read a second",
            3_000,
            comment_reads,
            partition,
            "nothing: all comments stand in one partition; yours need not",
        ),
    ]
