"""The opaque refresh token: every bit of it is authenticated."""

import hmac
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib import base64url
from chalicelib.errors import InvalidGrantError
from chalicelib.keys.material import HmacKey
from chalicelib.tokens.refresh_token import RefreshToken, mint, read

KEY = HmacKey("00c0ffee", b"k" * 32)
NOW = 1_800_000_000
GOLDEN = (
    "gtr_AXV1dXV1dXV1dXV1dXV1dXVzc3Nzc3Nzc3Nzc3Nzc3NzeHh4eHh4eHh4eHh4"
    "eHh4eAAAAAcAwP_uiL_pVX8o9pBp75cylQJ6L0-XDgKJbKR5-qJswbJEJ-I"
)


@dataclass
class Keys:
    """The one key; and which were asked for."""

    asked: list[str] = field(default_factory=list)

    def hmac_key_named(self, kid: str, now: int) -> HmacKey | None:
        assert now == NOW
        self.asked.append(kid)
        return KEY if kid == KEY.kid else None


def refused(text: str) -> list[str]:
    """Which keys were asked for, until `text` was refused."""
    keys = Keys()
    with pytest.raises(InvalidGrantError):
        read(text, keys, NOW)
    return keys.asked


ids = st.binary(min_size=16, max_size=16).map(base64url.encode)
tokens = st.builds(
    RefreshToken,
    sub=ids,
    session_id=st.binary(min_size=16, max_size=16).map(bytes.hex),
    secret=st.binary(min_size=16, max_size=16),
    generation=st.integers(0, 2**32 - 1),
)
TOKEN = RefreshToken(base64url.encode(b"u" * 16), (b"s" * 16).hex(), b"x" * 16, 7)


@given(tokens)
def test_what_is_minted_reads_back(token: RefreshToken) -> None:
    text = mint(token, KEY)
    assert text.startswith("gtr_")
    assert len(text) == 123
    assert read(text, Keys(), NOW) == token


@given(tokens)
def test_minting_again_gives_the_same_bytes(token: RefreshToken) -> None:
    assert mint(token, KEY) == mint(token, KEY)


@given(st.integers(0, 122), st.sampled_from("ABCxyz019-_"))
def test_one_changed_character_is_refused(position: int, character: str) -> None:
    text = mint(TOKEN, KEY)
    changed = text[:position] + character + text[position + 1 :]
    if changed != text:
        refused(changed)


@given(st.text(max_size=200))
def test_any_other_text_is_refused(text: str) -> None:
    assert refused(text) == []


@pytest.mark.parametrize("cut", [1, 4, 50, 118])
def test_a_cut_token_is_refused(cut: int) -> None:
    assert refused(mint(TOKEN, KEY)[:-cut]) == []


def test_another_key_s_token_is_refused() -> None:
    assert refused(mint(TOKEN, HmacKey(KEY.kid, b"z" * 32))) == [KEY.kid]


def test_an_unknown_key_s_token_is_refused() -> None:
    assert refused(mint(TOKEN, HmacKey("deadbeef", b"z" * 32))) == ["deadbeef"]


def test_the_form_is_version_1() -> None:
    """Who changes it needs another version, or everybody signs in again."""
    body = b"\x01" + b"u" * 16 + b"s" * 16 + b"x" * 16 + b"\0\0\0\7" + bytes.fromhex("00c0ffee")
    golden = "gtr_" + base64url.encode(body + hmac.digest(b"k" * 32, body, "sha256"))
    assert golden == GOLDEN
    assert mint(TOKEN, KEY) == golden


@pytest.mark.parametrize("version", [0, 2, 255])
def test_another_version_is_refused_before_any_key_is_asked_for(version: int) -> None:
    body = bytes([version]) + base64url.decode(mint(TOKEN, KEY).removeprefix("gtr_"))[1:57]
    assert refused("gtr_" + base64url.encode(body + hmac.digest(KEY.key, body, "sha256"))) == []


def test_the_successor_shares_session_and_secret() -> None:
    successor = TOKEN.successor()
    assert (successor.session_id, successor.secret, successor.generation) == (TOKEN.session_id, TOKEN.secret, 8)


def test_the_secret_shows_in_no_repr() -> None:
    assert "xxxx" not in repr(TOKEN)
    assert "kkkk" not in repr(KEY)
