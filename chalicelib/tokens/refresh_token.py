"""The opaque refresh token: what is in it, how it is made, read and followed by the next.

`gtr_` and base64url of: version (1 byte, the number 1), sub (16), session id (16), secret (16), generation (4,
big-endian), key id (4), HMAC-SHA256 (32) over all that stands before it. 89 bytes, 119 characters. A later format
has another version, and needs nobody to sign in again.

The secret stays the same for the session's life and only its holder has it: the table keeps a hash. So a
forged token is turned away before any read, the table makes no token, the HMAC key makes none without the
secret, and a successor need not be stored, since the presented token has all that it takes.
"""

import hashlib
import hmac
import struct
from dataclasses import dataclass, field, replace
from typing import Protocol

from chalicelib import base64url
from chalicelib.errors import InvalidGrantError
from chalicelib.keys.material import HmacKey

PREFIX = "gtr_"
ID_BYTES = 16
SECRET_BYTES = 16
MAX_GENERATION = 2**32 - 1

_VERSION = 1
_BODY = struct.Struct(">B16s16s16sI4s")
_MAC_BYTES = 32
_LENGTH = len(PREFIX) + -(-(_BODY.size + _MAC_BYTES) * 4 // 3)


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """What a refresh token says. `sub` is base64url of 16 bytes, `session_id` hexadecimal of 16, `secret` is 16
    bytes."""

    sub: str
    session_id: str
    secret: bytes = field(repr=False)
    generation: int

    def successor(self) -> "RefreshToken":
        """The token of the next generation: same session, same secret."""
        return replace(self, generation=self.generation + 1)

    def secret_hash(self) -> bytes:
        """What the table keeps of the secret: its SHA-256 (32 bytes)."""
        return hashlib.sha256(self.secret).digest()


class HmacKeys(Protocol):
    """The keys that authenticated what may be alive. Raises `StoreUnavailableError`."""

    def hmac_key_named(self, kid: str, now: int) -> HmacKey | None: ...


def mint(token: RefreshToken, key: HmacKey) -> str:
    """The text of `token`, authenticated by `key`."""
    body = _BODY.pack(
        _VERSION,
        base64url.decode(token.sub),
        bytes.fromhex(token.session_id),
        token.secret,
        token.generation,
        bytes.fromhex(key.kid),
    )
    return PREFIX + base64url.encode(body + _mac(key, body))


def read(text: str, keys: HmacKeys, now: int) -> RefreshToken:
    """The token that `text` says, if one of `keys` made it: only what is of our form asks for a key.

    Raises `InvalidGrantError`, and what `keys` raises.
    """
    body, mac = _parts(text)
    version, sub, session_id, secret, generation, kid = _BODY.unpack(body)
    if version != _VERSION:
        raise InvalidGrantError(detail="refresh token: another version")
    key = keys.hmac_key_named(kid.hex(), now)
    if key is None:
        raise InvalidGrantError(detail="refresh token: unknown key id")
    if not hmac.compare_digest(_mac(key, body), mac):
        raise InvalidGrantError(detail="refresh token: wrong HMAC")
    return RefreshToken(base64url.encode(sub), session_id.hex(), secret, generation)


def _parts(text: str) -> tuple[bytes, bytes]:
    if len(text) != _LENGTH or not text.startswith(PREFIX):
        raise InvalidGrantError(detail="refresh token: not of our form")
    try:
        data = base64url.decode(text.removeprefix(PREFIX))
    except ValueError:
        raise InvalidGrantError(detail="refresh token: not base64url") from None
    return data[: _BODY.size], data[_BODY.size :]


def _mac(key: HmacKey, body: bytes) -> bytes:
    return hmac.digest(key.key, body, "sha256")
