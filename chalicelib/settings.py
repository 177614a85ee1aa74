"""The environment, read once, checked and typed. Every setting stands here, with its default."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from chalicelib import scope as scopes
from chalicelib.errors import InvalidRequestError
from chalicelib.scope import Scope

PREFIX = "GATEHOUSE_"

_MINUTE, _DAY = 60, 86_400


# No access token may live longer, in seconds: so far back a new container reads the revocation feed.
LONGEST_ACCESS_TOKEN_LIFETIME = 3_600


class SettingsError(ValueError):
    """A setting is missing or cannot be read; the message names the variable."""


class Settings(NamedTuple):
    """All that an operator decides. Each field is the variable `GATEHOUSE_` + its name in capitals.

    Lifetimes and intervals are in seconds; lists are separated by spaces, pairs are written NAME=VALUE.
    """

    # Given by the template.
    stage: str = "local"
    users_table: str = ""
    sessions_table: str = ""
    keys_table: str = ""
    comments_table: str = ""
    revocations_table: str = ""
    attempts_table: str = ""
    kms_key: str = ""
    # The EventBridge bus (name or ARN) that security events go to beside the log. Empty: none.
    event_bus: str = ""

    # The claims iss and aud. Empty: the address that API Gateway gave the API; the audience: the issuer.
    issuer: str = ""
    audience: str = ""
    # Where the gate finds the JWK Set. Empty: under the issuer.
    jwks_uri: str = ""
    # Which REST APIs the gate guards, as API_ID=SERVICE, our own as API_ID=gatehouse. Empty: our own alone.
    guarded_apis: tuple[tuple[str, str], ...] = ()
    # Whether the gate asks the revocation feed, for APIs that do not ask it themselves.
    gate_reads_feed: bool = False

    # Who may sign up, and with what.
    open_sign_up: bool = False
    default_scope: Scope = frozenset({"comments:read", "comments:write", "account"})

    # Origins whose pages may call this API from a browser, and refresh by cookie.
    allowed_origins: tuple[str, ...] = ()

    access_token_lifetime: int = 15 * _MINUTE
    session_idle_lifetime: int = 14 * _DAY
    session_absolute_lifetime: int = 90 * _DAY
    # How many sessions a user may have at a time; one more ends the oldest. 0: any number.
    max_sessions: int = 0
    # How long an answer that got lost may be asked for again.
    refresh_grace: int = 60
    # What signs access tokens (ES256, RS256 or EdDSA), and how long one key does.
    signing_alg: str = "ES256"
    key_rotation_period: int = 30 * _DAY
    # How long anyone may cache the JWK Set, and this service its key ring.
    jwks_max_age: int = 5 * _MINUTE
    # How old the revocation feed may be; and how long to go on with an older one while it cannot be read.
    revocation_interval: int = 5
    revocation_tolerance: int = 60
    # Among how many partitions the feed's entries are shared. Before it is lowered, all that is in the feed must
    # run out.
    revocation_shards: int = 1

    # Failed sign-ins: for one username from one address, for one address, and (only a warning) for one username.
    sign_in_failures: int = 10
    sign_in_failures_of_address: int = 300
    sign_in_failures_window: int = 5 * _MINUTE
    sign_in_failures_of_username: int = 100
    sign_in_failures_of_username_window: int = 60 * _MINUTE

    password_profile: str = "RFC_9106_LOW_MEMORY"  # noqa: S105
    # The one before, as long as there are users who have not signed in since.
    former_password_profile: str = ""


def from_environment(environment: Mapping[str, str]) -> Settings:
    """The settings in `environment`, a variable that is absent at its default. Raises `SettingsError`."""
    kinds = {PREFIX + name.upper(): (name, kind) for name, kind in Settings.__annotations__.items()}
    given = {
        name: _parse(variable, environment[variable], kind)
        for variable, (name, kind) in kinds.items()
        if variable in environment
    }
    return Settings(**given)


def _parse(variable: str, text: str, kind: object) -> Any:
    try:
        return _PARSERS[kind](text)
    except (ValueError, KeyError, InvalidRequestError):
        raise SettingsError(f"{variable} cannot be read: {text!r}") from None


def _whole_number(text: str) -> int:
    number = int(text)
    if number < 0:
        raise ValueError
    return number


def _pairs(text: str) -> tuple[tuple[str, str], ...]:
    pairs = {name: value for name, _, value in (word.partition("=") for word in text.split())}
    if not all(name and value for name, value in pairs.items()) or len(pairs) != len(text.split()):
        raise ValueError
    return tuple(pairs.items())


_PARSERS: dict[object, Callable[[str], object]] = {
    str: str,
    bool: lambda text: {"true": True, "false": False}[text.lower()],
    int: _whole_number,
    tuple[str, ...]: lambda text: tuple(text.split()),
    tuple[tuple[str, str], ...]: _pairs,
    Scope: scopes.parse,
}
