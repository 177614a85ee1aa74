"""Scopes as sets of words (RFC 6749 §3.3)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib import scope
from chalicelib.errors import InvalidRequestError

words = st.text(
    st.characters(codec="ascii", exclude_characters='"\\ ', min_codepoint=0x21, max_codepoint=0x7E), min_size=1
) | st.sampled_from(["read", "write", "account"])  # else two sets would hardly meet
scopes = st.frozensets(words, max_size=6)


@given(scopes)
def test_the_wire_form_reads_back(some: frozenset[str]) -> None:
    assert scope.parse(scope.serialize(some)) == some


@given(scopes, st.none() | scopes, st.none() | scopes)
def test_a_word_is_granted_where_it_is_held_and_every_wish_names_it(
    held: frozenset[str], asked: frozenset[str] | None, again: frozenset[str] | None
) -> None:
    wishes = [wish for wish in (asked, again) if wish is not None]
    expected = {word for word in held if all(word in wish for wish in wishes)}
    assert scope.granted(held, asked, again) == expected


@given(scopes)
def test_who_asks_for_nothing_in_particular_keeps_all(held: frozenset[str]) -> None:
    assert scope.granted(held) == scope.granted(held, None) == scope.granted(held, None, None) == held


def test_asking_for_more_gives_what_is_held() -> None:
    assert scope.granted(frozenset({"a", "b"}), frozenset({"b", "c"})) == {"b"}


def test_equal_sets_have_equal_texts() -> None:
    assert scope.serialize(frozenset({"b", "a"})) == scope.serialize(frozenset({"a", "b"})) == "a b"


def test_what_a_client_asks_for_is_bounded() -> None:
    words = " ".join(f"word:{number}" for number in range(64))
    assert len(scope.asked(words)) == 64
    assert scope.asked("x" * 2_048) == {"x" * 2_048}
    for text in (words + " more", "x" * 2_049, "a " * 16_000):
        with pytest.raises(InvalidRequestError, match="64 words and 2048"):
            scope.asked(text)
    with pytest.raises(InvalidRequestError, match="malformed"):
        scope.asked(" ")


@pytest.mark.parametrize("text", ["a  b", " a", "a ", 'a"b', "a\\b", "a\tb", "a\x00", "ä"])
def test_malformed_scopes_are_refused(text: str) -> None:
    with pytest.raises(InvalidRequestError):
        scope.parse(text)
