"""Errors as answers: each has a status, none says more than its sentence."""

from collections.abc import Iterator
from http import HTTPStatus

import pytest

from chalicelib import errors
from chalicelib.web import problem_details
from chalicelib.web.problem_details import BASIC, BEARER


def every(kind: type[errors.GatehouseError]) -> Iterator[type[errors.GatehouseError]]:
    for child in kind.__subclasses__():
        yield child
        yield from every(child)


def an(kind: type[errors.GatehouseError]) -> errors.GatehouseError:
    if issubclass(kind, errors.TooManyRequestsError):
        return kind(retry_after=7)
    return kind(detail="what only the log may hold")


@pytest.mark.parametrize("kind", [*every(errors.GatehouseError)], ids=lambda kind: kind.__name__)
def test_every_error_is_a_problem_of_its_own_status(kind: type[errors.GatehouseError]) -> None:
    answer = problem_details.from_error(an(kind))
    assert 400 <= answer.status_code < 500 or answer.status_code == 503
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Cache-Control"] == "no-store"
    title = HTTPStatus(answer.status_code).phrase.replace("Request Entity Too Large", "Content Too Large")
    assert answer.body == {
        "type": "about:blank",
        "title": title,
        "status": answer.status_code,
        "detail": kind.description,
    }


@pytest.mark.parametrize(
    ("error", "challenge"),
    [
        (errors.InvalidCredentialsError(), BASIC),
        (errors.InvalidGrantError(), f'{BEARER}, error="invalid_token"'),
        (errors.InvalidTokenError(), f'{BEARER}, error="invalid_token"'),
        (errors.InsufficientScopeError(), f'{BEARER}, error="insufficient_scope"'),
        (errors.ForbiddenError(), None),
        (errors.NotFoundError(), None),
    ],
)
def test_who_is_not_let_in_hears_how(error: errors.GatehouseError, challenge: str | None) -> None:
    assert problem_details.from_error(error).headers.get("WWW-Authenticate") == challenge


def test_who_may_come_again_hears_when() -> None:
    throttled, unavailable = errors.TooManyRequestsError(retry_after=120), errors.StoreUnavailableError()
    assert problem_details.from_error(throttled).headers["Retry-After"] == "120"
    assert problem_details.from_error(unavailable).headers["Retry-After"] == "1"
    assert "Retry-After" not in problem_details.from_error(errors.NotFoundError()).headers


def test_the_log_hears_why_and_a_failing_store_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", problem_details.__name__)
    problem_details.from_error(errors.InvalidGrantError(detail="reuse"))
    problem_details.from_error(errors.StoreUnavailableError(detail="PutItem"))
    problem_details.from_error(errors.NotFoundError())
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("INFO", "InvalidGrantError: reuse"),
        ("WARNING", "StoreUnavailableError: PutItem"),
    ]


@pytest.mark.parametrize(
    ("code", "detail"),
    [
        (404, "There is nothing here."),
        (405, "This route does not take this method."),
        (500, "Something went wrong on our side."),
    ],
)
def test_a_status_that_chalice_chose_has_a_sentence(code: int, detail: str) -> None:
    answer = problem_details.from_status(code)
    assert (answer.status_code, answer.body["detail"]) == (code, detail)
