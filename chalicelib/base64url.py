"""Base64url without padding, in its one canonical form (RFC 4648 §5, RFC 7515 §2)."""

import base64
from binascii import a2b_base64

_PADDING = {0: "", 2: "==", 3: "="}
# The characters that leave no stray low bits where 2 or 3 of 4 are left at the end.
_LAST = {2: "AQgw", 3: "AEIMQUYcgkosw048"}


def encode(data: bytes) -> str:
    """`data` as unpadded base64url text."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def decode(text: str) -> bytes:
    """The bytes of `text`, which must be exactly what `encode` writes for them.

    Raises `ValueError` for padding, for characters outside the alphabet and for stray low bits: two texts
    for one value would let a changed token pass for the one that was issued (RFC 4648 §3.5).
    """
    beyond = len(text) % 4
    if beyond and text[-1] not in _LAST.get(beyond, ""):
        raise ValueError("not canonical base64url")
    if "+" in text or "/" in text or "=" in text:  # which the standard alphabet has in their place
        raise ValueError("not base64url")
    try:
        return a2b_base64(text.replace("-", "+").replace("_", "/") + _PADDING[beyond], strict_mode=True)
    except ValueError:  # binascii's error is one, too
        raise ValueError("not base64url") from None
