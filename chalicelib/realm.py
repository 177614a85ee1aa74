"""Who issues a token, and for whom."""

from typing import NamedTuple


# A named tuple, as all that the gate's cold start makes: a frozen dataclass takes five times as long to make.
class Realm(NamedTuple):
    """The claims `iss` and `aud`."""

    issuer: str
    audience: str
