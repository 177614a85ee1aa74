"""Answers that are not errors."""

import pytest
from chalice import Response

from chalicelib.web.responses import created, no_content, ok


@pytest.mark.parametrize(
    ("answer", "status"), [(ok({"a": 1}), 200), (created({"a": 1}, "/a/1"), 201), (no_content(), 204)]
)
def test_an_answer_has_its_status_and_is_kept_by_nobody(answer: Response, status: int) -> None:
    assert (answer.status_code, answer.headers["Cache-Control"]) == (status, "no-store")


def test_what_was_made_is_named() -> None:
    assert created({"a": 1}, "/a/1").headers["Location"] == "/a/1"


def test_headers_may_say_otherwise() -> None:
    answer = ok({}, {"Cache-Control": "public, max-age=300"})
    assert answer.headers == {"Content-Type": "application/json", "Cache-Control": "public, max-age=300"}
