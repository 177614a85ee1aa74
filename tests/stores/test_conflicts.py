"""Two writers of one item: whoever is turned away tries again, and an answer is an answer."""

from collections.abc import Callable, Iterator

import pytest
from botocore.exceptions import ClientError

from chalicelib import deadline
from chalicelib.model import User
from chalicelib.services import Services
from chalicelib.stores.conflicts import PAUSES, settled
from tests.support.aws_calls import conflicting, recorded
from tests.support.callers import sign_in
from tests.support.client import Client


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that were made, none of which takes any time."""
    made: list[float] = []
    monkeypatch.setattr("chalicelib.stores.conflicts.time.sleep", made.append)
    return made


def refusal(code: str, *reasons: str) -> ClientError:
    answer = {"Error": {"Code": code, "Message": ""}, "CancellationReasons": [{"Code": one} for one in reasons]}
    return ClientError(answer, "Write")  # type: ignore[arg-type]


MET = [
    refusal("TransactionConflictException"),
    refusal("TransactionCanceledException", "None", "TransactionConflict"),
    refusal("TransactionCanceledException", "TransactionConflict", "TransactionConflict"),
]
ANSWERS = [
    refusal("ConditionalCheckFailedException"),
    refusal("TransactionCanceledException", "ConditionalCheckFailed", "TransactionConflict"),
    refusal("TransactionCanceledException", "None", "ConditionalCheckFailed"),
    refusal("TransactionCanceledException", "ThrottlingError", "TransactionConflict"),
    refusal("TransactionCanceledException"),
    refusal("ValidationException"),
]


def writing(*outcomes: ClientError | str) -> Callable[[], str]:
    """A write with these outcomes, one after the other."""
    left: Iterator[ClientError | str] = iter(outcomes)

    def write() -> str:
        outcome = next(left)
        if isinstance(outcome, ClientError):
            raise outcome
        return outcome

    return write


@pytest.mark.parametrize("met", MET)
def test_who_met_another_tries_again(met: ClientError, pauses: list[float]) -> None:
    assert settled(writing(met, met, "done")) == "done"
    assert len(pauses) == 2
    assert all(least <= pause <= 2 * least for least, pause in zip(PAUSES, pauses, strict=False))


@pytest.mark.parametrize("answer", ANSWERS)
def test_what_another_try_would_find_again_is_an_answer(answer: ClientError, pauses: list[float]) -> None:
    with pytest.raises(ClientError) as raised:
        settled(writing(answer, "never"))
    assert (raised.value, pauses) == (answer, [])


def test_there_is_an_end_to_it(pauses: list[float]) -> None:
    tries = len(PAUSES) + 1
    with pytest.raises(ClientError):
        settled(writing(*[MET[0]] * tries, "never"))
    assert len(pauses) == tries - 1


def test_no_try_begins_after_the_deadline(pauses: list[float]) -> None:
    with deadline.within(0), pytest.raises(ClientError):
        settled(writing(MET[0], "never"))
    assert pauses == []


@pytest.mark.usefixtures("pauses")
def test_a_logout_that_meets_others_is_done(client: Client, user: User) -> None:
    session = sign_in(client, user)
    with conflicting("TransactWriteItems", 3), recorded() as calls:
        assert session.post("/logout").status == 204
    assert len(calls) == 4
    assert not session.lives()


@pytest.mark.usefixtures("pauses", "services")
def test_a_refresh_that_meets_an_end_of_another_session_is_done(client: Client, user: User) -> None:
    session = sign_in(client, user)
    with conflicting("UpdateItem", 1):
        assert session.refresh().status == 200


def test_a_meeting_without_an_end_is_503_and_nothing_is_done(
    client: Client, services: Services, user: User, pauses: list[float]
) -> None:
    session = sign_in(client, user)
    with conflicting("TransactWriteItems", len(PAUSES) + 1):
        reply = session.post("/logout")
    assert (reply.status, reply.headers["retry-after"]) == (503, "1")
    assert len(pauses) == len(PAUSES)
    assert session.lives()
