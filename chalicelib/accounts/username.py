"""Usernames: how they are written, and when two of them are the same (RFC 8265 §3, RFC 7617 §2)."""

import unicodedata

from chalicelib.errors import InvalidRequestError

MAX_LENGTH = 64

# Control characters, surrogates, format characters (which hide or reorder text) and line separators.
_REFUSED_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def normalize(text: str) -> str:
    """`text` in NFC: 1 to 64 characters, no colon (RFC 7617 §2), no control characters.

    Raises `InvalidRequestError` for anything else.
    """
    name = unicodedata.normalize("NFC", text)
    well_formed = name == name.strip() and ":" not in name
    if not 1 <= len(name) <= MAX_LENGTH or not well_formed or not _printable(name):
        raise InvalidRequestError(
            "The username must be 1 to 64 characters, without colon, control characters or outer spaces."
        )
    return name


def key(username: str) -> str:
    """What is equal for all spellings of one name: canonical caseless matching (Unicode §3.13, D145)."""
    folded = unicodedata.normalize("NFD", username).casefold()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", folded).casefold())


def _printable(text: str) -> bool:
    return not any(unicodedata.category(character) in _REFUSED_CATEGORIES for character in text)
