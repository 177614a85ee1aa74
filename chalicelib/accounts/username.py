"""Usernames: how they are written, and when two of them are the same (RFC 8265 §3, RFC 7617 §2).

The rules are UsernameCaseMapped's (RFC 8265 §3.3), but a name is shown in the case in which it was written, and
spaces (§3.1) and symbols may stand in it. Which names look alike, `confusables` knows.
"""

import re
import unicodedata

from chalicelib.errors import InvalidRequestError

MAX_LENGTH = 64
# In NFC a text has at least a quarter of its characters (UAX #15 §4): what is longer is too long, unread.
_LONGEST_AS_TYPED = 4 * MAX_LENGTH

# Control characters, format characters (which hide or reorder text), surrogates, private use, unassigned, and line
# separators.
_REFUSED_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})

# What else leaves no trace on a screen: Default_Ignorable_Code_Point (RFC 8264 §9.13), and characters whose glyph
# is empty.
_INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0"
    "\U00016fe4\U0001d159\U000e0100-\U000e01ef]"
)


def normalize(text: str) -> str:
    """`text` in NFC, of ordinary width and with ordinary spaces: 1 to 64 characters that all can be seen, no colon
    (RFC 7617 §2), no control characters.

    Raises `InvalidRequestError` for anything else.
    """
    name = unicodedata.normalize("NFC", _ordinary(text)) if len(text) <= _LONGEST_AS_TYPED else ""
    if not 1 <= len(name) <= MAX_LENGTH or not _well_formed(name) or not _visible(name):
        raise InvalidRequestError(
            "The username must be 1 to 64 characters, without colon, control characters or outer spaces."
        )
    return name


def key(username: str) -> str:
    """What is equal for all spellings of one name: canonical caseless matching (Unicode §3.13, D145), after the
    width mapping rule of RFC 8265 §3.3."""
    folded = _ordinary(unicodedata.normalize("NFD", username)).casefold()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", folded).casefold())


def _ordinary(text: str) -> str:
    return text if text.isascii() else "".join(map(_ordinary_character, text))


def _ordinary_character(character: str) -> str:
    # RFC 8264 §5.2.1: fullwidth and halfwidth characters become their decomposition mappings.
    width, _, code_point = unicodedata.decomposition(character).partition(" ")
    if width in ("<wide>", "<narrow>"):
        return chr(int(code_point, 16))
    return " " if unicodedata.category(character) == "Zs" else character


def _well_formed(name: str) -> bool:
    # A mark in front would stand over what was written before the name.
    return name == name.strip() and ":" not in name and not unicodedata.category(name[0]).startswith("M")


def _visible(name: str) -> bool:
    categories = map(unicodedata.category, name)
    return _INVISIBLE.search(name) is None and _REFUSED_CATEGORIES.isdisjoint(categories)
