"""What the settings say of keys: how long each is published, signs, and stays for what it signed."""

from chalicelib.clocks import CLOCK_SKEW
from chalicelib.keys.material import HMAC_ALG
from chalicelib.keys.ring import Purpose
from chalicelib.keys.rotation import RotationPolicy
from chalicelib.settings import Settings, SettingsError


def lead(given: Settings) -> int:
    """How many seconds a key is published, at the least, before it signs by the schedule."""
    # A set may be as old as the ring of the container that served it, then lie in a shared cache, then in the
    # verifier's own, each for as long as the set may be cached.
    return 3 * given.jwks_max_age + CLOCK_SKEW


def token_lifetimes(given: Settings) -> dict[Purpose, int]:
    """For how many seconds after its making somebody may accept what a key of each purpose signed."""
    # A verifier's clock may run behind ours; and a refresh at the last moment may be asked for again.
    access_token = given.access_token_lifetime + CLOCK_SKEW
    return {
        Purpose.ACCESS_TOKEN: access_token,
        Purpose.REFRESH_TOKEN: given.session_idle_lifetime + given.refresh_grace + CLOCK_SKEW,
        Purpose.ID_TOKEN: access_token,
    }


def rotation_policies(given: Settings) -> tuple[RotationPolicy, ...]:
    """The rings that there are: one for each purpose and algorithm that a setting names."""
    named = ((Purpose.ACCESS_TOKEN, given.signing_alg), (Purpose.REFRESH_TOKEN, HMAC_ALG))
    return tuple(RotationPolicy(purpose, alg, given.key_rotation_period, lead(given)) for purpose, alg in named)


def cache_max_age(given: Settings) -> int:
    """How old a container's ring may be, in seconds, before it is read again."""
    # The feed says of a revoked key for one lifetime of an access token; by then the ring has been read.
    return min(given.jwks_max_age, given.access_token_lifetime)


def check_rotation_period(given: Settings) -> None:
    """Raises `SettingsError` for a period too short to publish the next key in."""
    # Else keys would begin to sign before they are known, or be gone before what they signed.
    shortest = max(lead(given), given.access_token_lifetime)
    if given.key_rotation_period < shortest:
        raise SettingsError(f"GATEHOUSE_KEY_ROTATION_PERIOD must be at least {shortest} seconds")
