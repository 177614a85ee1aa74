"""The environment, read once, checked and typed. Every setting stands here, with its default."""

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from chalicelib import addresses
from chalicelib import scope as scopes
from chalicelib.errors import InvalidRequestError
from chalicelib.scope import Scope

PREFIX = "GATEHOUSE_"

_MINUTE, _DAY = 60, 86_400


# No access token may live longer, in seconds: so far back a new container reads the revocation feed.
LONGEST_ACCESS_TOKEN_LIFETIME = 3_600

# Of a name or an issuer, in characters; issuer and audience stand in every token.
LONGEST_TEXT = 512

# By name alone, for the gate reads settings too and needs neither. A test holds them equal to what there is.
SIGNING_ALGS = ("ES256", "EdDSA", "RS256")
PASSWORD_PROFILES = ("RFC_9106_LOW_MEMORY", "OWASP_MINIMUM")


class SettingsError(ValueError):
    """A setting is missing or can never work. The message is one line: the variable, and what is valid."""


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
    hashing_requests_of_address: int = 300

    password_profile: str = "RFC_9106_LOW_MEMORY"  # noqa: S105
    # The one before, as long as there are users who have not signed in since.
    former_password_profile: str = ""


def from_environment(environment: Mapping[str, str]) -> Settings:
    """The settings in `environment`, a variable that is absent at its default.

    Raises `SettingsError`, one line, for a value that can never work, for two that cannot work together, and for a
    variable that looks like a setting and is none.
    """
    _check_names(environment)
    kinds = {variable(name): (name, kind) for name, kind in Settings.__annotations__.items()}
    given = {
        name: _read(written, environment[written].strip(), _KINDS[_OF_FIELDS.get(name, kind)])
        for written, (name, kind) in kinds.items()
        if written in environment
    }
    settings = Settings(**given)
    _check_together(settings)
    return settings


def variable(name: str) -> str:
    """The variable of the field `name`."""
    return PREFIX + name.upper()


def _read(written: str, text: str, kind: "_Kind") -> Any:
    try:
        return kind.read(text)
    except (ValueError, KeyError, InvalidRequestError):
        raise SettingsError(f"{written} must be {kind.valid}") from None


def _check_names(environment: Mapping[str, str]) -> None:
    known = {variable(name) for name in Settings._fields}
    for written in sorted(environment):
        if written.upper().startswith(PREFIX) and written not in known:
            from difflib import get_close_matches  # here, for a right environment never needs it

            nearest = get_close_matches(written.upper(), sorted(known), n=1, cutoff=0)[0]
            raise SettingsError(f"{written} is no setting; the nearest is {nearest}")


# What cannot be longer than what: else the first would never be seen to end.
_NOT_LONGER = (
    ("refresh_grace", "session_idle_lifetime"),
    ("access_token_lifetime", "session_idle_lifetime"),
    ("session_idle_lifetime", "session_absolute_lifetime"),
)


def _check_together(given: Settings) -> None:
    for shorter, longer in _NOT_LONGER:
        least, most = getattr(given, shorter), getattr(given, longer)
        if least > most:
            raise SettingsError(f"{variable(shorter)} must be at most {variable(longer)} ({most}), not {least}")


# The longest of any time and the most of any count: 31 years, and nothing that overflows later.
_MOST = 999_999_999


def _number(least: int, most: int = _MOST) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", text) or not least <= int(text) <= most:
            raise ValueError
        return int(text)

    return read


def _pairs(text: str) -> tuple[tuple[str, str], ...]:
    pairs = {name: value for name, _, value in (word.partition("=") for word in text.split())}
    if not all(name and value for name, value in pairs.items()) or len(pairs) != len(text.split()):
        raise ValueError
    return tuple(pairs.items())


def _name(text: str) -> str:
    if not re.fullmatch(rf"[\x21-\x7e]{{0,{LONGEST_TEXT}}}", text):
        raise ValueError
    return text


def _one_of(names: tuple[str, ...]) -> Callable[[str], str]:
    return lambda text: {name: name for name in names}[text]


class _Kind(NamedTuple):
    """How a value is read, and which are valid, in words."""

    read: Callable[[str], object]
    valid: str


_KINDS: dict[object, _Kind] = {
    str: _Kind(_name, f"printable ASCII characters without spaces, at most {LONGEST_TEXT}"),
    bool: _Kind(lambda text: {"true": True, "false": False}[text.lower()], "true or false"),
    int: _Kind(_number(0), f"a whole number from 0 to {_MOST}"),
    "positive": _Kind(_number(1), f"a whole number from 1 to {_MOST}"),
    "access token lifetime": _Kind(
        _number(1, LONGEST_ACCESS_TOKEN_LIFETIME), f"a whole number from 1 to {LONGEST_ACCESS_TOKEN_LIFETIME}"
    ),
    "origins": _Kind(
        lambda text: tuple(dict.fromkeys(map(addresses.origin, text.split()))),
        "origins such as https://app.example or http://localhost:3000, separated by spaces, without path",
    ),
    "issuer": _Kind(
        lambda text: text and _name(addresses.issuer(text)),
        "an address such as https://id.example or https://id.example/path, without query and fragment, "
        f"of at most {LONGEST_TEXT} characters",
    ),
    "web address": _Kind(
        lambda text: text and addresses.web_address(text),
        "an address that begins with https:// or http://, without fragment",
    ),
    "algorithm": _Kind(_one_of(SIGNING_ALGS), f"one of {', '.join(SIGNING_ALGS)}"),
    "profile": _Kind(_one_of(PASSWORD_PROFILES), f"one of {', '.join(PASSWORD_PROFILES)}"),
    "former profile": _Kind(
        _one_of(("", *PASSWORD_PROFILES)), f"one of {', '.join(PASSWORD_PROFILES)}, or nothing"
    ),
    tuple[tuple[str, str], ...]: _Kind(_pairs, "pairs API_ID=SERVICE, each API once, separated by spaces"),
    Scope: _Kind(scopes.parse, "scopes by RFC 6749 section 3.3, separated by one space"),
}
# Where the type of a field does not say all.
_OF_FIELDS = {
    "issuer": "issuer",
    "jwks_uri": "web address",
    "allowed_origins": "origins",
    "access_token_lifetime": "access token lifetime",
    "session_idle_lifetime": "positive",
    "session_absolute_lifetime": "positive",
    "key_rotation_period": "positive",
    "revocation_shards": "positive",
    "sign_in_failures": "positive",
    "sign_in_failures_of_address": "positive",
    "sign_in_failures_window": "positive",
    "sign_in_failures_of_username": "positive",
    "sign_in_failures_of_username_window": "positive",
    "hashing_requests_of_address": "positive",
    "signing_alg": "algorithm",
    "password_profile": "profile",
    "former_password_profile": "former profile",
}
