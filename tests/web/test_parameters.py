"""What stands in an address."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.errors import InvalidRequestError, NotFoundError
from chalicelib.web.parameters import cursor, identifier, paged, parameter
from tests.support.requests import request

ids = st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True)


@given(ids)
def test_where_a_page_ends_the_next_begins(last: str) -> None:
    page = paged("items", ["a"], last)
    assert page["items"] == ["a"]
    assert cursor(request(query={"next": [str(page["next"])]})) == last


def test_the_last_page_has_no_next() -> None:
    assert paged("items", [], None) == {"items": []}
    assert cursor(request()) is None


@pytest.mark.parametrize("text", ["", "a", "!", "YQ==", "L2V0Yy9wYXNzd2Q", "w7w"])
def test_a_cursor_of_somebody_else_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequestError):
        cursor(request(query={"next": [text]}))


@pytest.mark.parametrize("text", ["", "a b", "a/b", "a\n", "ä", "a" * 65])
def test_what_cannot_be_an_id_is_nowhere(text: str) -> None:
    with pytest.raises(NotFoundError):
        identifier(text)


def test_a_parameter_stands_there_once() -> None:
    asked = request(query={"once": ["a"], "twice": ["a", "a"]})
    assert (parameter(asked, "once"), parameter(asked, "never")) == ("a", None)
    with pytest.raises(InvalidRequestError):
        parameter(asked, "twice")
