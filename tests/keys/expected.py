"""What the settings promise, counted independently of the code; and a rotation by the default ones."""

import secrets

from chalicelib.keys.ring import KeyEntry, Purpose
from chalicelib.keys.rotation import Rotation, Store
from chalicelib.services import CLOCK_SKEW, _schedules, _token_lifetimes
from chalicelib.settings import Settings
from tests.support.recorder import Recorder

HOUR, DAY = 3_600, 86_400
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


def rotation(store: Store, settings: Settings = DEFAULTS) -> Rotation:
    return Rotation(store, Recorder(), _schedules(settings), _token_lifetimes(settings), secrets.token_bytes)


def newest(store: Store, purpose: Purpose = Purpose.ACCESS_TOKEN) -> KeyEntry:
    return max((entry for entry in store.load() if entry.purpose is purpose), key=lambda entry: entry.serial)


def plan(store: Store) -> list[tuple[str, int, int, int]]:
    """All of a ring but the keys themselves."""
    slots = [(entry.purpose, entry.serial, entry.published_at, entry.signs_from) for entry in store.load()]
    return sorted(slots)
