"""One text for one value (RFC 4648 §5, §3.5)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib import base64url


@given(st.binary(max_size=200))
def test_what_is_encoded_is_decoded(data: bytes) -> None:
    assert base64url.decode(base64url.encode(data)) == data


@given(st.text(alphabet="ABab01-_+/= \n", max_size=12))
def test_a_text_that_decodes_is_the_canonical_one(text: str) -> None:
    try:
        data = base64url.decode(text)
    except ValueError:
        return
    assert base64url.encode(data) == text


@pytest.mark.parametrize("text", ["QQ==", "QR", "QQ\n", " QQ", "Q", "a+b/", "ä", "QQ=", "Q Q"])
def test_other_spellings_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="base64url"):
        base64url.decode(text)
