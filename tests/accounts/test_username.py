"""When a username is well formed, and when two are the same."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.accounts import username
from chalicelib.errors import InvalidRequestError


@given(st.text(max_size=20))
def test_canonically_equal_names_have_one_key(text: str) -> None:
    nfc, nfd = unicodedata.normalize("NFC", text), unicodedata.normalize("NFD", text)
    assert username.key(nfc) == username.key(nfd)


@given(st.text(max_size=20))
def test_a_key_is_its_own_key(text: str) -> None:
    assert username.key(username.key(text)) == username.key(text)


def test_case_does_not_tell_names_apart() -> None:
    assert username.key("Demo") == username.key("dEMO") == "demo"
    assert username.key("STRASSE") == username.key("straße")


def test_a_name_is_kept_in_nfc() -> None:
    assert username.normalize("Ame\u0301lie") == "Am\u00e9lie"


@pytest.mark.parametrize(
    "text", ["", "a:b", "a\x00b", "a\nb", "\u202eadmin", "a\ud800", "x" * 65, " a", "a ", "\u2028"]
)
def test_refused_names(text: str) -> None:
    with pytest.raises(InvalidRequestError):
        username.normalize(text)


@pytest.mark.parametrize("text", ["a", "x" * 64, "Zoë", "名前", "a b", "o'neil", "user@example.com"])
def test_taken_names(text: str) -> None:
    assert username.normalize(text) == text
