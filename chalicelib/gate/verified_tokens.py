"""Access tokens as the gate knows them: verified once, and what each says kept for when it comes again.

API Gateway asks for a token again whenever its own answer has grown old, and where another API is called. What a
signature proved stays proved; what time and keys can change is asked each time: `exp`, and the key.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import NamedTuple

from chalicelib.errors import InvalidTokenError
from chalicelib.gate import context
from chalicelib.keys.jwk_set import PublicKey
from chalicelib.tokens.access_token_verifier import AccessTokenClaims, verify

MOST = 1_000
# Longer ones are verified each time: few are, and none can fill the memory with its claims.
MAX_LENGTH = 2_048  # characters


class VerifiedToken(NamedTuple):
    """A token that `key` verified, and the context of its routes (`context.write`)."""

    claims: AccessTokenClaims
    key: PublicKey | None
    context: Mapping[str, str]


class VerifiedTokens:
    """The tokens of one issuer for one audience, verified by `keys`, of which the `most` recent new ones are
    remembered.

    A token is known by the SHA-256 of its whole text: never by a part of it, which another could share.
    """

    def __init__(
        self, keys: Callable[[str], PublicKey | None], issuer: str, audience: str, most: int = MOST
    ) -> None:
        self._keys = keys
        self._issuer = issuer
        self._audience = audience
        self._most = most
        self._known: OrderedDict[bytes, VerifiedToken] = OrderedDict()

    def verified(self, token: str, now: int) -> VerifiedToken:
        """What `token` says, at the NumericDate `now`. Raises `InvalidTokenError`, and what `keys` raises."""
        if len(token) > MAX_LENGTH or not token.isascii():
            return self._verified(token, now)
        digest = sha256(token.encode()).digest()
        known = self._known.get(digest)
        if known is None:
            known = self._verified(token, now)
            self._remember(digest, known)
        # A key that is gone, or another by its name, ends what it verified.
        elif self._keys(known.claims.kid) is not known.key:
            self._known.pop(digest, None)
            return self.verified(token, now)
        if now >= known.claims.exp:
            self._known.pop(digest, None)
            raise InvalidTokenError(detail="expired")
        return known

    def _verified(self, token: str, now: int) -> VerifiedToken:
        used: dict[str, PublicKey | None] = {}

        def find(kid: str) -> PublicKey | None:
            used[kid] = self._keys(kid)
            return used[kid]

        claims = verify(token, find, issuer=self._issuer, audience=self._audience, now=now)
        return VerifiedToken(claims, used[claims.kid], context.write(claims))

    def _remember(self, digest: bytes, known: VerifiedToken) -> None:
        self._known[digest] = known
        if len(self._known) > self._most:
            self._known.popitem(last=False)  # the one that has been here longest
