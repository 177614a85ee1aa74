"""What the settings promise, counted independently of the code; and a rotation by the default ones."""

import secrets

from chalicelib.clocks import CLOCK_SKEW
from chalicelib.keys.ring import KeyEntry, Purpose
from chalicelib.keys.rotation import KeyRotation, RingStore
from chalicelib.keys.timing import rotation_policies, token_lifetimes
from chalicelib.settings import Settings
from tests.support.recorder import Recorder

HOUR, DAY = 3_600, 86_400
# What keys are made for today: nothing names an algorithm of ID tokens.
PURPOSES = (Purpose.ACCESS_TOKEN, Purpose.REFRESH_TOKEN)
DEFAULTS = Settings()


def cached_for(settings: Settings) -> int:
    """How old the set that anyone goes by can be, in seconds: a ring, a shared cache and a verifier."""
    return settings.jwks_max_age + settings.jwks_max_age + settings.jwks_max_age + CLOCK_SKEW


def lives_for(settings: Settings, purpose: Purpose) -> int:
    """How long after its making somebody may still accept what a key of `purpose` signed."""
    lifetimes = {
        Purpose.ACCESS_TOKEN: settings.access_token_lifetime,
        Purpose.REFRESH_TOKEN: settings.session_idle_lifetime + settings.refresh_grace,
    }
    return lifetimes[purpose] + CLOCK_SKEW


LEAD = cached_for(DEFAULTS)
PERIOD = DEFAULTS.key_rotation_period


def rotation(store: RingStore, settings: Settings = DEFAULTS) -> KeyRotation:
    return KeyRotation(
        store, Recorder(), rotation_policies(settings), token_lifetimes(settings), secrets.token_bytes
    )


def newest(store: RingStore, purpose: Purpose = Purpose.ACCESS_TOKEN) -> KeyEntry:
    """The key of `purpose` that was published last: the standby, once the first has one."""
    return ring_of(store, purpose)[-1]


def oldest(store: RingStore, purpose: Purpose = Purpose.ACCESS_TOKEN) -> KeyEntry:
    return ring_of(store, purpose)[0]


def ring_of(store: RingStore, purpose: Purpose = Purpose.ACCESS_TOKEN) -> list[KeyEntry]:
    """The keys of `purpose`, as they were published."""
    mine = (entry for entry in store.load() if entry.purpose is purpose)
    return sorted(mine, key=lambda entry: (entry.published_at, entry.serial))


def plan(store: RingStore) -> list[tuple[str, str, int, int, int]]:
    """All of a ring but the keys themselves."""
    return sorted(
        (entry.purpose, entry.alg, entry.serial, entry.published_at, entry.signs_from) for entry in store.load()
    )
