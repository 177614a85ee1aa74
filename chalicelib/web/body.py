"""A request's body, parsed once into a typed value."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

from chalice.app import Request

from chalicelib import strict_json
from chalicelib.errors import ContentTooLargeError, InvalidRequestError, UnsupportedMediaTypeError

MAX_BYTES = 32 * 1024
_MAX_FIELDS = 50

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
TEXT = "text/plain"

_REPEATED = "A field is given more than once."


@dataclass(frozen=True, slots=True)
class Body:
    """The named fields of a form or of a JSON object, or the text of a plain body."""

    fields: Mapping[str, object] = dataclasses.field(repr=False)
    text: str | None = dataclasses.field(default=None, repr=False)

    def field(self, name: str) -> str:
        """The text in field `name`. Raises `InvalidRequestError` where there is none."""
        value = self.optional(name)
        if value is None:
            raise InvalidRequestError(f"The field {name} is required.")
        return value

    def optional(self, name: str) -> str | None:
        """The text in field `name`, or `None`. Raises `InvalidRequestError` for anything but a text."""
        value = self.fields.get(name)
        if value is not None and not isinstance(value, str):
            raise InvalidRequestError(f"The field {name} must be a string.")
        return value


def parse(request: Request, *, plain: bool = False) -> Body:
    """The body of `request`: a form or a JSON object, and a plain text too where `plain` says so.

    Raises `ContentTooLargeError`, `UnsupportedMediaTypeError`, `InvalidRequestError`.
    """
    raw = request.raw_body
    data = raw if isinstance(raw, bytes) else raw.encode()
    if len(data) > MAX_BYTES:
        raise ContentTooLargeError
    if not data:
        return Body({})
    media_type = request.headers.get("content-type", JSON).partition(";")[0].strip().lower()
    text = _decoded(data)
    match media_type:
        case "application/json":
            return Body(_json_object(text))
        case "application/x-www-form-urlencoded":
            return Body(_form(text))
        case "text/plain" if plain:
            return Body({}, text.strip())
        case _:
            raise UnsupportedMediaTypeError


def _decoded(data: bytes) -> str:
    text = data.decode("utf-8", "replace")
    # API Gateway puts the same sign in the place of what it cannot decode.
    if "\ufffd" in text:
        raise InvalidRequestError("The body is not UTF-8.")
    return text


def _form(text: str) -> dict[str, object]:
    try:
        pairs = parse_qsl(
            text, keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=_MAX_FIELDS
        )
    except ValueError:
        raise InvalidRequestError("The form is malformed.") from None
    fields = dict(pairs)
    if len(fields) != len(pairs):  # RFC 6749 §3.2: parameters must not be included more than once
        raise InvalidRequestError(_REPEATED)
    # RFC 6749 §3.1: a parameter without a value is treated as if it were omitted.
    return {name: value for name, value in fields.items() if value}


def _json_object(text: str) -> dict[str, object]:
    try:
        value = strict_json.loads(text)
    except strict_json.RepeatedNameError:
        raise InvalidRequestError(_REPEATED) from None
    except strict_json.SurrogateError:
        raise InvalidRequestError("A field is not valid Unicode.") from None
    except ValueError:
        raise InvalidRequestError("The body is not JSON.") from None
    if not isinstance(value, dict):
        raise InvalidRequestError("The body must be a JSON object.")
    return value
