"""What stands in an address: ids, parameters, and where a page begins."""

import re
from collections.abc import Sequence

from chalice.app import Request

from chalicelib import base64url
from chalicelib.errors import InvalidRequestError, NotFoundError

# The ids that this service makes; nothing else can name anything.
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_LONGEST_CURSOR = 86  # an id of 64 characters, in base64url


def identifier(text: str) -> str:
    """The id in an address. Raises `NotFoundError` for what cannot be one."""
    if not _ID.fullmatch(text):
        raise NotFoundError
    return text


def parameter(request: Request, name: str) -> str | None:
    """The parameter `name` of the address, if it is there. Raises `InvalidRequestError` if it is there twice."""
    values = request.query_params.getlist(name) if request.query_params and name in request.query_params else []
    if len(values) > 1:
        raise InvalidRequestError(f"The parameter {name} is given more than once.")
    return values[0] if values else None


def cursor(request: Request) -> str | None:
    """The id after which the page begins, from the parameter `next`. Raises `InvalidRequestError`."""
    text = parameter(request, "next")
    if text is None:
        return None
    try:
        if len(text) > _LONGEST_CURSOR:
            raise ValueError
        return identifier(base64url.decode(text).decode("ascii"))
    except (ValueError, NotFoundError):
        raise InvalidRequestError("The value of next was not given by this service.") from None


def paged(name: str, items: Sequence[object], last: str | None) -> dict[str, object]:
    """A page of `items` under `name`, and `next` if there are more past the id `last`."""
    page: dict[str, object] = {name: items}
    return page if last is None else {**page, "next": base64url.encode(last.encode())}
