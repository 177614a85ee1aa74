"""Email addresses: how they are written, and when two of them are one mailbox (RFC 5321, RFC 6531, IDNA 2008).

Whether there is a mailbox, only a letter can tell. The libraries are imported when first asked: only signing up
needs them, and they take longer to start than the rest of it.
"""

import unicodedata

from chalicelib.errors import InvalidRequestError

# RFC 5321 §4.5.3.1.3: a path has 256 octets, with its angle brackets.
MAX_LENGTH = 254


def normalize(text: str) -> str:
    """`text` with its local part in NFC and its domain in lower case and in Unicode (U-labels, RFC 5890 §2.3.2.1).

    Taken is `local-part@domain` alone: no display name, quotes, comments or address literals. Raises
    `InvalidRequestError`.
    """
    if len(text) > MAX_LENGTH:  # before any work
        raise _malformed()
    from email_validator import EmailNotValidError, validate_email

    try:
        # Names of one label and of test networks will do: where mail goes is for the stage's own resolver.
        valid = validate_email(
            text, check_deliverability=False, globally_deliverable=False, test_environment=True, strict=True
        )
    except EmailNotValidError:
        raise _malformed() from None
    # RFC 3696 §2: the last label is not all of digits; an IPv4 address without its brackets is.
    if len(valid.normalized.encode()) > MAX_LENGTH or valid.ascii_domain.rpartition(".")[2].isdigit():
        raise _malformed()
    return valid.normalized


def key(address: str) -> str:
    """What is equal for all spellings of one mailbox; `address` as `normalize` gives it.

    The domain in A-labels, which are one for each name (RFC 5890 §2.3.2.1), and the local part without regard to
    case: RFC 5321 §2.4 leaves that to the receiver, but nobody keeps two people apart by it. Case folding is the
    simple one (Unicode §5.18), under which ß and ss stay two.
    """
    local, _, domain = address.rpartition("@")
    if not domain.isascii():
        import idna

        domain = idna.encode(domain, uts46=True).decode("ascii")
    return f"{unicodedata.normalize('NFC', ''.join(map(_folded, local)))}@{domain.lower()}"


def _folded(character: str) -> str:
    folded = character.casefold()
    return folded if len(folded) == 1 else character.lower()


def _malformed() -> InvalidRequestError:
    return InvalidRequestError("The email address is malformed.")
