"""Scopes: what a token may do, as a set of words (RFC 6749 §3.3)."""

import re

from chalicelib.errors import InvalidRequestError

Scope = frozenset[str]

# Of what a client asks for. It is kept with the session, and written again with it.
MAX_WORDS, MAX_LENGTH = 64, 2_048

# RFC 6749 §3.3: scope-token = 1*( %x21 / %x23-5B / %x5D-7E )
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*")


def parse(text: str) -> Scope:
    """The set of words in `text`; the empty text is the empty set. Raises `InvalidRequestError`."""
    if text and not _SCOPE.fullmatch(text):
        raise InvalidRequestError("The scope is malformed.")
    return frozenset(text.split(" ")) if text else frozenset()


def asked(text: str) -> Scope:
    """The set of words that a client asks for. Raises `InvalidRequestError`, for too many of them too."""
    if len(text) > MAX_LENGTH or text.count(" ") >= MAX_WORDS:
        raise InvalidRequestError(f"The scope must have at most {MAX_WORDS} words and {MAX_LENGTH} characters.")
    return parse(text)


def serialize(scope: Scope) -> str:
    """The wire form of `scope`, sorted so that equal sets have equal texts."""
    return " ".join(sorted(scope))


def granted(held: Scope, *wishes: Scope | None) -> Scope:
    """What is left of `held` after each narrowing; `None` asks for nothing in particular and keeps all.

    Asking for more than is held gives what is held: an error would tell which scopes exist.
    """
    for wish in wishes:
        if wish is not None:
            held &= wish
    return held
