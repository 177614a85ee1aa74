"""A token that comes again: what is remembered of it, and what is asked anew each time."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from chalicelib.errors import InvalidTokenError
from chalicelib.gate import verified_tokens
from chalicelib.gate.verified_tokens import MAX_LENGTH, VerifiedTokens
from chalicelib.keys.jwk_set import PublicKey
from chalicelib.keys.remote_jwk_set import KeysUnavailableError
from chalicelib.tokens.access_token_verifier import verify
from tests.support.token_forge import AUDIENCE, CLAIMS, ISSUER, KEYS, NOW, OTHER_EC_KEY, signed, token

REALM = (ISSUER, AUDIENCE)  # issuer and audience


@dataclass
class World:
    """Published keys, which can change, and how many tokens were verified by signature."""

    keys: Mapping[str, PublicKey] = field(default_factory=lambda: dict(KEYS))
    verified: int = 0
    reachable: bool = True

    def key(self, kid: str) -> PublicKey | None:
        if not self.reachable:
            raise KeysUnavailableError
        return self.keys.get(kid)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    world = World()

    def counted(*arguments: object, **options: object) -> object:
        world.verified += 1
        return verify(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(verified_tokens, "verify", counted)
    return world


@pytest.fixture
def tokens(world: World) -> VerifiedTokens:
    return VerifiedTokens(world.key, *REALM, most=3)


def numbered(number: int) -> str:
    return token(claims=CLAIMS | {"jti": f"tok_{number}"})


def refused(tokens: VerifiedTokens, text: str, now: int = NOW) -> str | None:
    with pytest.raises(InvalidTokenError) as caught:
        tokens.verified(text, now)
    return caught.value.detail


def test_the_same_token_is_verified_once(tokens: VerifiedTokens, world: World) -> None:
    text = token()
    first, again = tokens.verified(text, NOW), tokens.verified(text, NOW + 1)
    assert again is first
    assert world.verified == 1


def test_what_is_remembered_ends_with_the_token(tokens: VerifiedTokens, world: World) -> None:
    text = token()
    tokens.verified(text, NOW + 899)
    assert refused(tokens, text, NOW + 900) == "expired"
    assert refused(tokens, text, NOW + 900) == "expired"
    assert world.verified == 2, "it was forgotten"


def test_a_key_that_is_gone_takes_its_tokens_along(tokens: VerifiedTokens, world: World) -> None:
    text = token()
    tokens.verified(text, NOW)
    world.keys = {}
    assert refused(tokens, text) == "unknown kid"


def test_another_key_of_the_same_name_is_another_key(tokens: VerifiedTokens, world: World) -> None:
    text = token()
    tokens.verified(text, NOW)
    world.keys = {"ec": KEYS["ec"]._replace(key=OTHER_EC_KEY.public_key())}
    assert refused(tokens, text) == "the signature does not hold"


def test_the_same_key_published_anew_verifies_anew(tokens: VerifiedTokens, world: World) -> None:
    text = token()
    tokens.verified(text, NOW)
    world.keys = {"ec": KEYS["ec"]._replace()}
    assert tokens.verified(text, NOW).claims.sub == "usr_7"
    assert world.verified == 2


def test_keys_that_cannot_be_had_refuse_a_known_token_too(tokens: VerifiedTokens, world: World) -> None:
    tokens.verified(token(), NOW)
    world.reachable = False
    with pytest.raises(KeysUnavailableError):
        tokens.verified(token(), NOW)


def test_one_character_more_or_less_is_another_token(tokens: VerifiedTokens) -> None:
    text = token()
    tokens.verified(text, NOW)
    for other in (text[:-1], text + "A", text[:-3] + "AAA", text + "=", text.replace(".", "..", 1), text + "\n"):
        assert refused(tokens, other)


def test_two_tokens_that_share_a_signature_are_two(tokens: VerifiedTokens) -> None:
    # The caches of others went by a part of the token (CVE-2026-35039).
    text = token()
    tokens.verified(text, NOW)
    header, _, signature = text.split(".")
    payload = token(claims=CLAIMS | {"sub": "usr_8"}).split(".")[1]
    assert refused(tokens, f"{header}.{payload}.{signature}") == "the signature does not hold"


def test_what_was_refused_is_not_remembered(tokens: VerifiedTokens, world: World) -> None:
    header, payload, _ = token().split(".")
    text = signed(header, payload, OTHER_EC_KEY)
    for _ in range(2):
        refused(tokens, text)
    assert world.verified == 2


def test_a_token_is_known_in_its_realm_alone(world: World) -> None:
    text = token()
    VerifiedTokens(world.key, *REALM).verified(text, NOW)
    assert refused(VerifiedTokens(world.key, REALM[0], "https://other.example"), text)


def test_no_more_are_remembered_and_the_oldest_goes_first(tokens: VerifiedTokens, world: World) -> None:
    texts = [numbered(number) for number in range(4)]
    for text in texts:
        tokens.verified(text, NOW)
    for text in reversed(texts[1:]):
        tokens.verified(text, NOW)
    assert world.verified == 4
    tokens.verified(texts[0], NOW)
    assert world.verified == 5


def test_a_long_token_is_verified_each_time(tokens: VerifiedTokens, world: World) -> None:
    text = token(claims=CLAIMS | {"filler": "x" * MAX_LENGTH})
    for _ in range(2):
        assert tokens.verified(text, NOW).claims.custom
    assert world.verified == 2


def test_the_default_is_a_thousand(world: World) -> None:
    tokens = VerifiedTokens(world.key, *REALM)
    for number in range(1_001):
        tokens.verified(numbered(number), NOW)
    assert len(tokens._known) == 1_000
