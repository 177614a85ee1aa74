"""Bodies: forms and JSON objects, read strictly."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.errors import ContentTooLargeError, InvalidRequestError, UnsupportedMediaTypeError
from chalicelib.web import body
from tests.support.requests import request


def parsed(text: str, media_type: str = body.JSON, *, plain: bool = False) -> body.Body:
    return body.parse(request({"Content-Type": media_type}, text), plain=plain)


def test_a_form_and_an_object_say_the_same() -> None:
    form = parsed("message=gr%C3%BC%C3%9Fe+%26+mehr&author=zoe", body.FORM)
    assert form == parsed('{"message": "grüße & mehr", "author": "zoe"}')
    assert form.fields == {"message": "grüße & mehr", "author": "zoe"}


@pytest.mark.parametrize(
    "media_type", ["application/json; charset=utf-8", "Application/JSON", "application/json;"]
)
def test_a_media_type_may_have_parameters_and_capitals(media_type: str) -> None:
    assert parsed("{}", media_type).fields == {}


def test_no_body_has_no_fields() -> None:
    assert body.parse(request()).fields == {}
    assert body.parse(request({"Content-Type": "image/png"})).fields == {}


def test_a_field_is_a_text_or_is_missing() -> None:
    fields = parsed('{"name": "zoe", "age": 7, "none": null}')
    assert (fields.field("name"), fields.optional("other"), fields.optional("none")) == ("zoe", None, None)
    for read, name in ((fields.field, "other"), (fields.field, "age"), (fields.optional, "age")):
        with pytest.raises(InvalidRequestError):
            read(name)


def test_a_value_that_is_empty_is_omitted_in_a_form_alone() -> None:
    assert parsed("name=", body.FORM).optional("name") is None
    assert parsed('{"name": ""}').optional("name") == ""


@pytest.mark.parametrize(
    ("text", "media_type"),
    [
        ("name=a&name=b", body.FORM),
        ("name", body.FORM),
        ("name=%FF", body.FORM),
        ("&".join(f"f{number}=1" for number in range(51)), body.FORM),
        ('{"name": "a", "name": "a"}', body.JSON),
        ('{"deep": {"name": "a", "name": "a"}}', body.JSON),
        ('{"number": NaN}', body.JSON),
        ('{"half": "\\ud800"}', body.JSON),
        ('{"name": "\ufffd"}', body.JSON),
        ('["name"]', body.JSON),
        ("[" * 9_000, body.JSON),
        ("{", body.JSON),
    ],
)
def test_what_is_malformed_is_refused(text: str, media_type: str) -> None:
    with pytest.raises(InvalidRequestError):
        parsed(text, media_type)


def test_a_plain_text_is_read_where_it_is_asked_for() -> None:
    assert parsed(" a token\n", body.TEXT, plain=True) == body.Body({}, "a token")
    with pytest.raises(UnsupportedMediaTypeError):
        parsed("a token", body.TEXT)


def test_the_limit_counts_bytes() -> None:
    fits = "a=" + "ü" * ((body.MAX_BYTES - 2) // 2)
    assert len(parsed(fits, body.FORM).field("a")) == (body.MAX_BYTES - 2) // 2
    with pytest.raises(ContentTooLargeError):
        parsed(fits + "b", body.FORM)


def test_no_field_shows() -> None:
    assert "secret" not in repr(parsed('{"password": "secret"}')) + repr(parsed("secret", body.TEXT, plain=True))


@given(st.text(max_size=200), st.sampled_from([body.JSON, body.FORM, body.TEXT]))
def test_any_text_is_read_or_refused(text: str, media_type: str) -> None:
    try:
        fields = parsed(text, media_type, plain=True).fields
    except InvalidRequestError:
        return
    assert isinstance(fields, dict)
