"""The gate's decision taken apart: what each piece takes that a decision is made of."""

import json
from collections.abc import Callable, Mapping
from itertools import cycle, repeat

from bench.issued import Issued, by_turns, decision, event, raw
from chalicelib import base64url
from chalicelib.gate.verified_tokens import VerifiedTokens
from chalicelib.tokens.access_token_verifier import verify

# From the second on, each contains the one before it.
PIECES: Mapping[str, str] = {
    "read": "base64url and json.loads of the claims, by themselves",
    "least": "those and a raw verification in turn, the least that can verify",
    "verify": "header, claims and signature, verified strictly",
    "known": "that, the token remembered and the context written",
    "decide": "that, the key's age and the policy: the decision",
}


def pieces(issued: Issued, clock: Callable[[], float]) -> dict[str, Callable[[], object]]:
    """The pieces by name; `raw`, one raw verification; `again`, the decision for a token that was there before."""
    key = issued.public_key()
    find = {key.kid: key}.get
    now = int(clock())
    known = VerifiedTokens(find, issued.issuer, issued.audience)
    verify_raw, tokens = raw(issued), cycle(issued.tokens)

    def least() -> object:
        verify_raw()
        return _read(next(tokens))

    def verified(token: str) -> object:
        return verify(token, find, issuer=issued.issuer, audience=issued.audience, now=now)

    return {
        "raw": raw(issued),
        "read": by_turns(_read, cycle(issued.tokens)),
        "least": least,
        "verify": by_turns(verified, cycle(issued.tokens)),
        "known": by_turns(lambda token: known.verified(token, now), cycle(issued.tokens)),
        "decide": by_turns(decision(issued.gate(clock)), issued.events()),
        "again": by_turns(decision(issued.gate(clock)), repeat(event(issued.tokens[0]))),
    }


def _read(token: str) -> object:
    """What the token says, without a look at whether that may be."""
    _, payload, signature = token.split(".")
    return json.loads(base64url.decode(payload)), base64url.decode(signature)
