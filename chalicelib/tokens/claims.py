"""What an access token may hold: the verifier refuses what is outside, and the error names the limit.

    check_record    where claims and scopes are written: whatever passes fits into every token of this stage
    check           where a token is issued: all its claims together

The limits are those that the verifier states.
"""

import json
import math
from collections.abc import Iterator, Mapping

from chalicelib import scope as scopes
from chalicelib.errors import InvalidRequestError
from chalicelib.scope import Scope
from chalicelib.strict_json import MAX_INTEGER_LENGTH
from chalicelib.tokens.access_token_verifier import LAST_SECOND
from chalicelib.tokens.jws import MAX_BRACKETS, MAX_COMMAS
from chalicelib.tokens.jws import MAX_LENGTH as MAX_TOKEN_LENGTH

# Of a token, what the claims and scopes of a record may take together. The rest: the header (240 characters of
# base64url), a signature by RSA with 4,096 bits (683), and the registered claims: issuer and audience of 512
# characters each (settings.LONGEST_TEXT), a username of 64 beyond ASCII, ids.
MAX_RECORD_LENGTH = 3072  # characters of JSON in ASCII
MAX_RECORD_BRACKETS = 48
MAX_RECORD_COMMAS = 400

_TEXTS = ("sub", "jti", "client_id", "sid", "preferred_username")


class UnfitTokenError(InvalidRequestError):
    """The gate would refuse a token with these claims; the description names the limit."""


def check_record(claims: Mapping[str, object], scope: Scope) -> None:
    """Raises `UnfitTokenError` for claims and scopes of a record that do not fit into a token."""
    _check_scope(scopes.serialize(scope), scope)
    text = _json({**claims, "scope": scopes.serialize(scope)})
    _check_size(text, MAX_RECORD_LENGTH, MAX_RECORD_BRACKETS, MAX_RECORD_COMMAS)


def check(claims: Mapping[str, object], scope: Scope) -> None:
    """Raises `UnfitTokenError` for a whole token's claims that `verify` would refuse. They are to say `scope`."""
    for name in _TEXTS:
        if claims.get(name) == "":
            raise UnfitTokenError(f"{name} is empty.")
    for name in ("iat", "exp"):
        _check_range(name, claims[name], LAST_SECOND)
    _check_range("session_epoch", claims.get("session_epoch", 0), 10**MAX_INTEGER_LENGTH - 1)
    _check_scope(claims["scope"], scope)
    _check_size(_json(claims), MAX_TOKEN_LENGTH, MAX_BRACKETS, MAX_COMMAS)


def check_length(token: str) -> None:
    """Raises `UnfitTokenError` for a signed token that is too long."""
    if len(token) > MAX_TOKEN_LENGTH:
        raise UnfitTokenError(f"The token is longer than {MAX_TOKEN_LENGTH} characters.")


def _check_range(name: str, value: object, most: int) -> None:
    if type(value) is not int or not 0 <= value <= most:
        raise UnfitTokenError(f"{name} is no whole number from 0 to {most}.")


def _check_scope(text: object, scope: Scope) -> None:
    try:
        written = scopes.parse(str(text))
    except InvalidRequestError:
        written = None
    if written != scope:
        raise UnfitTokenError("A scope holds what no scope may (RFC 6749 section 3.3).")


def _check_size(text: str, length: int, brackets: int, commas: int) -> None:
    if len(text) > length:
        raise UnfitTokenError(f"Claims and scopes are longer than {length} characters.")
    if text.count("{") + text.count("[") > brackets:
        raise UnfitTokenError(f"Claims and scopes hold more than {brackets} opening brackets.")
    if text.count(",") > commas:
        raise UnfitTokenError(f"Claims and scopes hold more than {commas} commas.")


def _json(claims: Mapping[str, object]) -> str:
    """`claims` as PyJWT writes them."""
    for value in _values(dict(claims)):
        _check_value(value)
    return json.dumps(dict(claims), separators=(",", ":"))


def _values(claims: dict[str, object]) -> Iterator[object]:
    """Every value in `claims`, and every name; ends, whatever nests or contains itself."""
    waiting: list[object] = [claims]
    objects = 0
    while waiting:
        value = waiting.pop()
        yield value
        if isinstance(value, (dict, list, tuple)):
            objects += 1
            if objects > MAX_BRACKETS:
                raise UnfitTokenError(f"Claims and scopes hold more than {MAX_BRACKETS} opening brackets.")
            waiting += [*value, *value.values()] if isinstance(value, dict) else value


def _check_value(value: object) -> None:
    match value:
        case bool() | None | list() | tuple():
            return
        case dict():
            if not all(isinstance(name, str) for name in value):
                raise UnfitTokenError("The name of a claim is no string.")
        case int() | float():
            _check_number(value)
        case str():
            if any("\ud800" <= letter <= "\udfff" for letter in value):
                raise UnfitTokenError("A string holds half of a surrogate pair.")
        case _:
            raise UnfitTokenError(f"{type(value).__name__} is no JSON.")


def _check_number(value: int | float) -> None:  # noqa: PYI041 (a bool never comes here)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise UnfitTokenError("A number is NaN or infinite.")
    elif not -(10 ** (MAX_INTEGER_LENGTH - 1)) < value < 10**MAX_INTEGER_LENGTH:
        raise UnfitTokenError(f"An integer is longer than {MAX_INTEGER_LENGTH} characters.")
