"""Which email addresses are taken, and when two are one mailbox."""

import unicodedata
from unittest.mock import Mock

import pytest
from email_validator import validate_email
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.accounts.email_address import key, normalize
from chalicelib.errors import InvalidRequestError


@pytest.mark.parametrize(
    ("one", "another"),
    [
        ("a@m\u00fcnchen.example", "a@xn--mnchen-3ya.example"),
        ("a@m\u00fcnchen.example", "a@XN--MNCHEN-3YA.Example"),
        ("a@m\u00fcnchen.example", "a@M\u00dcNCHEN.example"),
        ("a@m\u00fcnchen.example", "a@mu\u0308nchen.example"),
        ("a@stra\u00dfe.example", "a@xn--strae-oqa.example"),
        ("zo\u00eb@example.com", "ZOE\u0308@EXAMPLE.com"),
        ("a@example.com", "a@example\u3002com"),
        ("a@example.com", "a@\uff45xample.com"),
    ],
)
def test_one_mailbox_in_two_spellings(one: str, another: str) -> None:
    assert key(normalize(one)) == key(normalize(another))


@pytest.mark.parametrize(
    ("one", "another"),
    [
        ("a@stra\u00dfe.example", "a@strasse.example"),
        ("stra\u00dfe@example.com", "strasse@example.com"),
        ("a@\u03b1\u03c2.example", "a@\u03b1\u03c3.example"),
        ("a@example.com", "a@example.org"),
        ("a.b@example.com", "ab@example.com"),
        ("a+b@example.com", "a@example.com"),
        ("a@m\u00fcnchen.example", "a@munchen.example"),
    ],
)
def test_two_mailboxes(one: str, another: str) -> None:
    assert key(normalize(one)) != key(normalize(another))


@pytest.mark.parametrize(
    "text",
    [
        "c@example.com,evil.example",
        "c@example.com,d@example.com",
        "<d@example.com>",
        "D <d@example.com>",
        ".f@example.com",
        "f.@example.com",
        "f..g@example.com",
        ".f..@example.com",
        "a@-example-.com",
        "a@example-.com",
        "a@-example.com",
        "a@.example.com",
        "a@example.com.",
        "a@example..com",
        "a@ex_ample.com",
        "a@ab--c.com",
        "a@xn--a.com",
        "a@" + "x" * 64 + ".com",
        "a@127.0.0.1",
        "a@[127.0.0.1]",
        "a@[IPv6:::1]",
        '"a b"@example.com',
        "(c)a@example.com",
        "a b@example.com",
        "a;b@example.com",
        "a:b@example.com",
        "a@b@example.com",
        "a",
        "@example.com",
        "a@",
        "",
        " a@example.com",
        "a@example.com\n",
        "a@exam\u00adple.com",
        "a\u200b@example.com",
        "a\u202e@example.com",
        "a@exa\u200dmple.com",
        "a\0@example.com",
        "x" * 65 + "@example.com",
        "a@\u0301b.example",
        "a@\ue000.example",
    ],
)
def test_refused_addresses(text: str) -> None:
    with pytest.raises(InvalidRequestError, match="malformed"):
        normalize(text)


@pytest.mark.parametrize(
    "text", ["a@b", "o'neil+tag@example.com", "a@example.test", "\u7528\u6237@\u4f8b\u5b50.example"]
)
def test_taken_addresses(text: str) -> None:
    assert normalize(text) == text


@pytest.mark.parametrize(
    ("address", "golden"),
    [
        ("Zoe@Example.com", "zoe@example.com"),
        ("Zo\u00eb@m\u00fcnchen.example", "zo\u00eb@xn--mnchen-3ya.example"),
        ("Stra\u00dfe@stra\u00dfe.example", "stra\u00dfe@xn--strae-oqa.example"),
        ("I\u0301@example.com", "\u00ed@example.com"),
    ],
)
def test_the_key_is_stored_so_it_stays(address: str, golden: str) -> None:
    """Who changes it frees addresses that are taken."""
    assert key(address) == golden


def test_an_address_is_kept_in_nfc_with_its_domain_in_unicode() -> None:
    assert normalize("Zoe\u0308@XN--MNCHEN-3YA.example") == "Zo\u00eb@m\u00fcnchen.example"


def test_the_longest_address_is_taken_and_one_longer_is_not() -> None:
    """RFC 5321 section 4.5.3.1.3: 254 octets."""
    labels = ".".join(letter * 61 for letter in "bcd")
    longest = f"{'a' * 64}@{labels}.ee"
    longest = longest.replace("ee", "e" * (254 - len(longest) + 2))
    assert len(longest) == 254
    assert normalize(longest) == longest
    with pytest.raises(InvalidRequestError):
        normalize(f"{longest}e")


def test_what_is_far_too_long_is_refused_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    read = Mock(wraps=validate_email)
    monkeypatch.setattr("email_validator.validate_email", read)
    normalize("a@b")
    with pytest.raises(InvalidRequestError):
        normalize("a" * 255)
    assert read.call_count == 1


@given(st.text(max_size=20), st.text(max_size=20))
def test_every_text_is_taken_or_refused_and_what_is_taken_has_one_key(local: str, domain: str) -> None:
    try:
        address = normalize(f"{local}@{domain}")
    except InvalidRequestError:
        return
    assert normalize(address) == address
    assert key(address) == key(key(address)) == key(normalize(unicodedata.normalize("NFD", address)))
