"""Every figure on docs/keys.md and in its picture follows from the settings."""

import re

import pytest
from chalice.app import Rate, ScheduledEventConfig

from app import app
from chalicelib.clocks import CLOCK_SKEW
from chalicelib.keys.material import SIGNING_ALGORITHMS
from chalicelib.keys.ring import Purpose
from chalicelib.keys.rotation import KEPT_WHEN_GONE
from chalicelib.keys.timing import lead, token_lifetimes
from chalicelib.settings import Settings
from tests.support.pages import ROOT

PAGE = (ROOT / "docs/keys.md").read_text()
PICTURE = (ROOT / "docs/keys.svg").read_text()
GIVEN = Settings()
MINUTE, DAY = 60, 86_400

LEAD = lead(GIVEN)
RETIRED = token_lifetimes(GIVEN)[Purpose.ACCESS_TOKEN]


def minutes(seconds: int) -> str:
    assert seconds % MINUTE == 0
    return f"{seconds // MINUTE} minute" + "s" * (seconds != MINUTE)


def days(seconds: int) -> str:
    assert seconds % DAY == 0
    return f"{seconds // DAY} day" + "s" * (seconds != DAY)


STATED = [
    (
        f"| pending, the standby | yes | no | {days(GIVEN.key_rotation_period)}; "
        f"at the least {minutes(LEAD)}: longer than"
    ),
    f"| active | yes | yes | {days(GIVEN.key_rotation_period)} |",
    f"| retired | yes | no | {minutes(RETIRED)}, until its last access token has expired",
    f"a key of refresh tokens {days(GIVEN.session_idle_lifetime)}, until its last refresh token has |",
    f"| gone | no | no | {days(KEPT_WHEN_GONE)}, then it is removed",
    f"- {minutes(LEAD)} before it signs: a container's key ring, a shared cache and the verifier's own may each",
    f"may each be {minutes(GIVEN.jwks_max_age)} old (`GATEHOUSE_JWKS_MAX_AGE`)",
    f"and clocks may lie {minutes(CLOCK_SKEW)} apart",
    f"- {minutes(RETIRED)} after: an access token lives {minutes(GIVEN.access_token_lifetime)}",
    f"A refresh token lives {days(GIVEN.session_idle_lifetime)} (`GATEHOUSE_SESSION_IDLE_LIFETIME`).",
    f"every container signs with it within {GIVEN.revocation_interval} s",
    f"at this API | within {GIVEN.revocation_interval} s (`GATEHOUSE_REVOCATION_INTERVAL`)",
    f"| within {GIVEN.revocation_interval} s |",
    f"| within {minutes(GIVEN.jwks_max_age)}; behind a shared cache, twice that",
    f"which signs {minutes(LEAD)} later; until then the old one does",
    f"Within {minutes(LEAD)} after a promotion the next standby is new",
    f"a shared cache in front hides it for {minutes(GIVEN.jwks_max_age)}: purge it",
    f"Leave {minutes(LEAD)} between two promotions",
    f"a key is published for {minutes(LEAD)} before it signs",
    "`aws-jwt-verify` until it meets the new key",
]
DRAWN = [
    minutes(RETIRED),
    days(GIVEN.key_rotation_period),
    f"keys of refresh tokens: retired for {days(GIVEN.session_idle_lifetime)}",
    f"{GIVEN.revocation_interval} s: the API refuses",
    f"{minutes(GIVEN.jwks_max_age)}: the gate refuses",
]
# What the settings have no part in: the schedule, and how long other libraries keep a set unless told otherwise.
ELSEWHERE = {"1 hour", "10 s", "10 minutes"}
FIGURE = re.compile(r"\d+ (?:s|minutes?|hours?|days?)\b")


@pytest.mark.parametrize("stated", STATED)
def test_the_page_says_what_the_settings_say(stated: str) -> None:
    assert stated in re.sub(r"\s+", " ", PAGE)


@pytest.mark.parametrize("drawn", DRAWN)
def test_the_picture_says_what_the_settings_say(drawn: str) -> None:
    assert f">{drawn}</text>" in PICTURE


def test_there_is_no_other_figure() -> None:
    follow = set(FIGURE.findall(" ".join(STATED + DRAWN)))
    assert set(FIGURE.findall(PAGE + PICTURE)) <= follow | ELSEWHERE


def test_the_schedule_runs_every_hour() -> None:
    (scheduled,) = app.event_sources
    assert isinstance(scheduled, ScheduledEventConfig)
    assert isinstance(scheduled.schedule_expression, Rate)
    assert scheduled.schedule_expression.to_string() == "rate(1 hour)"


def test_every_algorithm_is_named() -> None:
    assert all(f"`{alg}`" in PAGE for alg in SIGNING_ALGORITHMS)
