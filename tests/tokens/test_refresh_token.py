"""The opaque refresh token: every bit of it is authenticated."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib import base64url
from chalicelib.errors import InvalidGrantError
from chalicelib.tokens.refresh_token import HmacKey, RefreshToken, UnknownKeyError, mint, read

KEY = HmacKey("00c0ffee", b"k" * 32)
KEYS = {KEY.kid: KEY}

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
    assert len(text) == 122
    assert read(text, KEYS) == token


@given(tokens)
def test_minting_again_gives_the_same_bytes(token: RefreshToken) -> None:
    assert mint(token, KEY) == mint(token, KEY)


@given(st.integers(0, 121), st.sampled_from("ABCxyz019-_"))
def test_one_changed_character_is_refused(position: int, character: str) -> None:
    text = mint(TOKEN, KEY)
    changed = text[:position] + character + text[position + 1 :]
    if changed != text:
        with pytest.raises(InvalidGrantError):
            read(changed, KEYS)


@given(st.text(max_size=200))
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(InvalidGrantError):
        read(text, KEYS)


@pytest.mark.parametrize("cut", [1, 4, 50, 118])
def test_a_cut_token_is_refused(cut: int) -> None:
    with pytest.raises(InvalidGrantError):
        read(mint(TOKEN, KEY)[:-cut], KEYS)


def test_another_key_s_token_is_refused() -> None:
    with pytest.raises(InvalidGrantError):
        read(mint(TOKEN, HmacKey(KEY.kid, b"z" * 32)), KEYS)


def test_an_unknown_key_id_is_told_apart_inside() -> None:
    with pytest.raises(UnknownKeyError):
        read(mint(TOKEN, HmacKey("deadbeef", b"z" * 32)), KEYS)


def test_the_successor_shares_session_and_secret() -> None:
    successor = TOKEN.successor()
    assert (successor.session_id, successor.secret, successor.generation) == (TOKEN.session_id, TOKEN.secret, 8)


def test_the_secret_shows_in_no_repr() -> None:
    assert "xxxx" not in repr(TOKEN)
    assert "kkkk" not in repr(KEY)
