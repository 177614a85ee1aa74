"""JSON (RFC 8259) with nothing in it that two readers might read differently (RFC 8725 section 3.9).

A name stands once in its object (RFC 7515 section 4, RFC 7519 section 4), numbers are finite and integers short,
and every text is Unicode: half of a surrogate pair, which JSON can name, is no character and cannot be stored.
"""

import json
from typing import NoReturn

MAX_INTEGER_LENGTH = 20  # characters: every 64-bit integer, with its sign


class RepeatedNameError(ValueError):
    """A name stands twice in one object."""


class SurrogateError(ValueError):
    """A text holds half of a surrogate pair."""


def loads(text: str) -> object:
    """The one value that `text` is. Raises `ValueError`, and its two kinds here."""
    try:
        value = _DECODER.decode(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if "\\ud" in text or "\\uD" in text:  # the only way for half of a surrogate pair to get in
        _check_surrogates(value)
    return value


def _check_surrogates(value: object) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        raise SurrogateError("half of a surrogate pair") from None


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise RepeatedNameError(f"a name is there twice among {', '.join(sorted(name for name, _ in pairs))}")
    return members


def _integer(digits: str) -> int:
    if len(digits) > MAX_INTEGER_LENGTH:
        raise ValueError("an integer is too long")
    return int(digits)


def _finite(digits: str) -> float:
    number = float(digits)
    if number in (float("inf"), float("-inf")):
        raise ValueError("a number is out of range")
    return number


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_unique, parse_int=_integer, parse_float=_finite, parse_constant=_no_constant
)
