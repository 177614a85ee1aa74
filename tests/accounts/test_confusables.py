"""Which names look alike (UTS #39 §4)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.accounts import username
from chalicelib.accounts.confusables import skeletons


@pytest.mark.parametrize(
    ("one", "another"),
    [
        ("admin", "\u0430dmin"),  # Cyrillic a
        ("admin", "\u0410DMIN"),  # Cyrillic A
        ("admin", "adm\u0456n"),  # Cyrillic i
        ("scope", "\u0455\u0441\u043e\u0440\u0435"),  # all of it Cyrillic
        ("admin", "\uff41\uff44\uff4d\uff49\uff4e"),  # fullwidth
        ("admin", "\U0001d41a\U0001d41d\U0001d426\U0001d422\U0001d427"),  # mathematical bold
        ("admin", "\u24d0\u24d3\u24dc\u24d8\u24dd"),  # in circles
        ("admin", "ad\u217fin"),  # Roman numeral m
        ("modern", "modem"),
        ("paul", "pauI"),
        ("paul", "PauI"),
        ("user-10", "user-lO"),
        ("a b", "a  b"),
    ],
)
def test_names_that_look_alike(one: str, another: str) -> None:
    assert skeletons(one) & skeletons(another)


@pytest.mark.parametrize(
    ("one", "another"),
    [
        ("admin", "admins"),
        ("Maria", "Marla"),
        ("Zoe", "Zo\u00eb"),
        ("\u540d\u524d", "\u540d"),
        ("ab", "a b"),
        ("a.b", "a-b"),
    ],
)
def test_names_that_do_not(one: str, another: str) -> None:
    assert not skeletons(one) & skeletons(another)


@given(st.text(max_size=20))
def test_two_spellings_of_one_name_look_alike(text: str) -> None:
    assert skeletons(text) & skeletons(username.key(text))
    assert skeletons(text) & skeletons(text.swapcase()) or username.key(text) != username.key(text.swapcase())


@given(st.text(max_size=64))
def test_a_name_has_one_skeleton_or_two(text: str) -> None:
    assert 1 <= len(skeletons(text)) <= 2
