"""HTTP Basic credentials (RFC 7617)."""

import base64
import binascii

from chalicelib.errors import InvalidCredentialsError

# A username of 64 characters and a password of 256, each decomposed into 4 of 4 bytes, are 6,828 in base64.
MAX_LENGTH = 8_192


def credentials(authorization: str | None) -> tuple[str, str]:
    """Username and password from an Authorization header. Raises `InvalidCredentialsError`."""
    scheme, _, encoded = (authorization or "").partition(" ")
    if scheme.lower() != "basic":
        raise InvalidCredentialsError(detail="no Basic credentials")
    if len(encoded) > MAX_LENGTH:
        raise InvalidCredentialsError(detail="Basic credentials longer than any account's")
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        raise InvalidCredentialsError(detail="Basic credentials that cannot be read") from None
    # RFC 7617 §2: the first colon ends the username; the password may hold more.
    username, colon, password = text.partition(":")
    if not colon:
        raise InvalidCredentialsError(detail="Basic credentials without a colon")
    return username, password
