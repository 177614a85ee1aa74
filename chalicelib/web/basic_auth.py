"""HTTP Basic credentials (RFC 7617)."""

import base64
import binascii

from chalicelib.errors import InvalidCredentialsError


def credentials(authorization: str | None) -> tuple[str, str]:
    """Username and password from an Authorization header. Raises `InvalidCredentialsError`."""
    scheme, _, encoded = (authorization or "").partition(" ")
    if scheme.lower() != "basic":
        raise InvalidCredentialsError(detail="no Basic credentials")
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        raise InvalidCredentialsError(detail="Basic credentials that cannot be read") from None
    # RFC 7617 §2: the first colon ends the username; the password may hold more.
    username, colon, password = text.partition(":")
    if not colon:
        raise InvalidCredentialsError(detail="Basic credentials without a colon")
    return username, password
