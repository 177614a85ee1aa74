"""Base64url without padding, in its one canonical form (RFC 4648 §5, RFC 7515 §2)."""

import base64
import binascii


def encode(data: bytes) -> str:
    """`data` as unpadded base64url text."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def decode(text: str) -> bytes:
    """The bytes of `text`, which must be exactly what `encode` writes for them.

    Raises `ValueError` for padding, for characters outside the alphabet and for stray low bits: two texts
    for one value would let a changed token pass for the one that was issued (RFC 4648 §3.5).
    """
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError("not base64url") from error
    if encode(data) != text:
        raise ValueError("not canonical base64url")
    return data
