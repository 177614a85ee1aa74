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


# RFC 8264 §9.13 (PrecisIgnorableProperties), §9.11 (Controls), §9.5 (Unassigned), private use, and empty glyphs.
INVISIBLE = (
    "\ufe0f\u034f\u115f\u1160\u3164\uffa0\u17b4\u17b5\U000e0100\u00ad\u200b\u200d\u2060\ufeff\u180b\u180e\u2800"
)
NO_CHARACTERS = "\ue000\U000f0000\u0378\ufdd0\uffff\U0010ffff"


@pytest.mark.parametrize("character", INVISIBLE + NO_CHARACTERS)
@pytest.mark.parametrize("form", ["admin{}", "{}admin", "ad{}min"])
def test_what_cannot_be_seen_is_refused(character: str, form: str) -> None:
    with pytest.raises(InvalidRequestError):
        username.normalize(form.format(character))


@pytest.mark.parametrize("character", "\u0301\u20e0\u0903")
def test_a_name_begins_with_no_mark(character: str) -> None:
    with pytest.raises(InvalidRequestError):
        username.normalize(character + "admin")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("\uff41\uff44\uff4d\uff49\uff4e", "admin"),
        ("\uff21dmin", "Admin"),
        ("ad\u00a0min", "ad min"),
        ("ad\u3000min", "ad min"),
        ("ad\u2009min", "ad min"),
        ("\uff8a\uff9e", "\u30d0"),
    ],
)
def test_width_and_spaces_are_ordinary(text: str, name: str) -> None:
    assert username.normalize(text) == name
    assert username.key(text) == username.key(name)


@pytest.mark.parametrize("text", ["a\uff1ab", "admin\u3000", "\u00a0admin"])
def test_what_width_mapping_makes_is_looked_at(text: str) -> None:
    with pytest.raises(InvalidRequestError):
        username.normalize(text)


def test_the_length_is_that_of_the_name_however_it_was_typed() -> None:
    assert len(username.normalize(unicodedata.normalize("NFD", "\u1e69" * 64))) == 64


def test_what_is_far_too_long_is_refused_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("chalicelib.accounts.username.unicodedata")
    with pytest.raises(InvalidRequestError):
        username.normalize("a" + "\u0301" * 15_500)


@given(st.text(max_size=80))
def test_what_is_taken_is_its_own_normal_form_and_short(text: str) -> None:
    try:
        name = username.normalize(text)
    except InvalidRequestError:
        return
    assert username.normalize(name) == name
    assert 1 <= len(name) <= 64


@pytest.mark.parametrize("text", ["a", "x" * 64, "Zoë", "名前", "a b", "o'neil", "user@example.com"])
def test_taken_names(text: str) -> None:
    assert username.normalize(text) == text


def test_a_name_counts_as_it_is_composed_however_it_was_typed() -> None:
    """A Greek letter with three marks is one character in NFC, and four as some keyboards type it."""
    typed = unicodedata.normalize("NFD", "\u1f82" * 64)
    assert len(typed) == 256
    assert username.normalize(typed) == "\u1f82" * 64


@pytest.mark.parametrize("separator", ["\u2028", "\u2029"])
def test_line_separators_are_refused(separator: str) -> None:
    with pytest.raises(InvalidRequestError):
        username.normalize(f"a{separator}b")
