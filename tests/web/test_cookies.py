"""The refresh token as a cookie: for pages of allowed origins, out of reach of their scripts."""

from http.cookies import SimpleCookie

import pytest

from chalicelib.errors import InvalidGrantError, InvalidRequestError
from chalicelib.web import cookies
from chalicelib.web.body import Body
from tests.support.requests import request

ORIGIN = "https://pages.example"


def presented(cookie: str | None, origin: str | None = ORIGIN) -> str | None:
    sent = {"Cookie": cookie, "Origin": origin}
    return cookies.presented(request({name: text for name, text in sent.items() if text is not None}), (ORIGIN,))


def wanted(fields: dict[str, object], origin: str | None = ORIGIN) -> bool:
    return cookies.wanted(Body(fields), request({"Origin": origin} if origin else {}), (ORIGIN,))


def test_what_is_set_is_what_comes_back() -> None:
    (morsel,) = SimpleCookie(cookies.setting("a.token", 900)).values()
    assert (morsel.key, morsel.value, morsel["max-age"]) == (cookies.NAME, "a.token", "900")
    assert presented(f"{morsel.key}={morsel.value}") == "a.token"


@pytest.mark.parametrize("value", [cookies.setting("a.token", 900), cookies.clearing()])
def test_no_script_no_other_site_and_no_other_host_has_a_hand_in_it(value: str) -> None:
    (morsel,) = SimpleCookie(value).values()
    assert morsel.key.startswith("__Host-")
    assert (morsel["path"], morsel["domain"], morsel["secure"], morsel["httponly"]) == ("/", "", True, True)
    assert morsel["samesite"] == "Strict"


def test_clearing_leaves_nothing() -> None:
    (morsel,) = SimpleCookie(cookies.clearing()).values()
    assert (morsel.key, morsel.value, morsel["max-age"]) == (cookies.NAME, "", "0")


@pytest.mark.parametrize("cookie", [None, "", "other=1", "gatehouse-refresh=a", f"x{cookies.NAME}=a"])
def test_another_cookie_is_none(cookie: str | None) -> None:
    assert presented(cookie, origin="https://elsewhere.example") is None


def test_it_is_found_among_others() -> None:
    assert presented(f"a=1; {cookies.NAME}=a.token;b=2") == "a.token"


@pytest.mark.parametrize("origin", [None, "null", "https://pages.example.org", "http://pages.example"])
def test_a_page_of_another_origin_gets_nothing_for_it(origin: str | None) -> None:
    with pytest.raises(InvalidGrantError):
        presented(f"{cookies.NAME}=a.token", origin)


def test_two_of_one_name_are_refused() -> None:
    with pytest.raises(InvalidGrantError):
        presented(f"{cookies.NAME}=one; {cookies.NAME}=two")


def test_the_client_asks_for_it() -> None:
    assert wanted({"refresh_token_in": "cookie"})
    assert not wanted({})
    assert not wanted({}, origin=None)
    with pytest.raises(InvalidRequestError):
        wanted({"refresh_token_in": "body"})


@pytest.mark.parametrize("origin", [None, "null", "https://pages.example.org", "http://pages.example"])
def test_no_page_of_another_origin_asks_for_it(origin: str | None) -> None:
    with pytest.raises(InvalidRequestError):
        wanted({"refresh_token_in": "cookie"}, origin)
