"""HTTP Basic credentials (RFC 7617)."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.errors import InvalidCredentialsError
from chalicelib.web.basic_auth import credentials

names = st.text(st.characters(codec="utf-8", exclude_characters=":"))


def encoded(text: bytes) -> str:
    return base64.b64encode(text).decode()


@given(names, st.text(st.characters(codec="utf-8")), st.sampled_from(["Basic", "basic", "BASIC"]))
def test_name_and_password_read_back(name: str, password: str, scheme: str) -> None:
    assert credentials(f"{scheme} {encoded(f'{name}:{password}'.encode())}") == (name, password)


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Basic",
        "Bearer x",
        "Basic !",
        f"Basic {encoded(b'no colon')}",
        f"Basic {encoded(b'a:' + bytes([255]))}",
    ],
)
def test_anything_else_is_refused(authorization: str | None) -> None:
    with pytest.raises(InvalidCredentialsError):
        credentials(authorization)
