"""Origins, issuers and other addresses: one spelling for each, and what can never work is refused."""

import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chalicelib import addresses

LABELS = st.from_regex(r"[a-z]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True)
HOSTS = st.lists(LABELS, min_size=1, max_size=4).map(".".join)
SCHEMES = st.sampled_from(["http", "https", "capacitor"])
PORTS = st.one_of(st.none(), st.integers(1, 65_535).filter(lambda port: port not in {80, 443}))
PATHS = st.lists(st.text(string.ascii_letters + "-._~", min_size=1, max_size=9), max_size=3).map(
    lambda segments: "".join(f"/{segment}" for segment in segments)
)


def written(scheme: str, host: str, port: int | None) -> str:
    return f"{scheme}://{host}" if port is None else f"{scheme}://{host}:{port}"


@given(SCHEMES, HOSTS, PORTS)
def test_an_origin_as_a_browser_writes_it_stays_as_it_is(scheme: str, host: str, port: int | None) -> None:
    assert addresses.origin(written(scheme, host, port)) == written(scheme, host, port)


@given(SCHEMES, HOSTS, PORTS)
def test_capitals_and_a_slash_at_the_end_of_an_origin_are_put_right(
    scheme: str, host: str, port: int | None
) -> None:
    right = written(scheme, host, port)
    assert addresses.origin(right.upper() + "/") == right


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("https://a.example:443", "https://a.example"),
        ("http://a.example:80/", "http://a.example"),
        ("http://a.example:443", "http://a.example:443"),
        ("https://a.example:08443", "https://a.example:8443"),
        ("http://127.0.0.1:3000", "http://127.0.0.1:3000"),
        ("http://[0:0:0:0:0:0:0:1]:80", "http://[::1]"),
        ("capacitor://localhost", "capacitor://localhost"),
    ],
)
def test_an_origin_in_another_spelling(text: str, right: str) -> None:
    assert addresses.origin(text) == right


@pytest.mark.parametrize(
    "text",
    [
        *("*", "null", "", "a.example", "//a.example", "https://", "https:a.example", "https:/a.example"),
        *("https://a.example/path", "https://a.example//", "https://a.example?q", "https://a.example#f"),
        *("https://a.example,https://b.example", "https://a.example,", "'https://a.example'"),
        *('"https://a.example"', "https://*.example", "https://user@a.example", "https://a example"),
        *("https://a.example:0", "https://a.example:65536", "https://a.example:", "https://a.example:x"),
        *("file:///page.html", "file://host", "wss://a.example", "data:text/html,x", "https://-a.example"),
        *("https://a..example", "https://.a.example", "https://1.2.3.999", "https://[::1", "https://[1:2]"),
        *("https://münchen.example", f"https://{'a' * 64}.example", f"https://{'a.' * 127}example"),
        *("https://a.example\n", "https://a.example\x00", "https://a.example\\"),
    ],
)
def test_what_can_never_be_an_origin_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"not|[Ii]nvalid|[Ee]xpected|[Aa]t |[Oo]ctet"):
        addresses.origin(text)


@given(st.sampled_from(["http", "https"]), HOSTS, PORTS, PATHS)
def test_an_issuer_keeps_its_path_and_loses_the_slash_at_its_end(
    scheme: str, host: str, port: int | None, path: str
) -> None:
    right = written(scheme, host, port) + path
    assert addresses.issuer(right) == right
    assert addresses.issuer(right + "/") == right
    assert addresses.issuer(written(scheme.upper(), host.upper(), port) + path) == right


@pytest.mark.parametrize(
    "text",
    [
        *("id.example", "https://id.example?x=1", "https://id.example/?", "https://id.example#", "https://"),
        *("https://id.example/a b", "https://id.example/a#b", "ftp://id.example", "file:///etc", "urn:id"),
        *('https://id.example"', "https://id.example/%zz", "https://a@id.example", "//id.example", "null", "*"),
    ],
)
def test_what_can_never_be_an_issuer_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not"):
        addresses.issuer(text)


def test_the_address_of_a_jwk_set_keeps_its_path_and_query() -> None:
    assert addresses.web_address("HTTPS://ID.example:443/Keys/?v=1") == "https://id.example/Keys/?v=1"


@pytest.mark.parametrize(
    "text", ["file:///keys.json", "https://id.example/k#x", "keys.json", "data:,x", "ftp://a/b"]
)
def test_what_cannot_be_fetched_over_http_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not"):
        addresses.web_address(text)


@given(st.text(max_size=40) | st.text("htps:/.aA1[]?#@,*", max_size=40).map(lambda text: f"https://{text}"))
@example("https://[::1]:80/")
def test_what_is_taken_is_in_its_one_spelling(text: str) -> None:
    for read in (addresses.origin, addresses.issuer, addresses.web_address):
        try:
            once = read(text)
        except ValueError:
            continue
        assert read(once) == once
        assert once.isascii()
        assert not set(once) & set(" \"'<>\\^`{|}#") or "'" in once
