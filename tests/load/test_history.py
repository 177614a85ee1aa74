"""The judge of the load run, on small histories made by hand: a right one, and each invariant broken once."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from chalicelib import base64url
from chalicelib.keys.material import HmacKey
from chalicelib.model import EndReason
from chalicelib.tokens.refresh_token import RefreshToken, mint
from tests.load.accounts import named
from tests.load.history import Act, Seen, told
from tests.load.invariants import Final, broken

INTERVAL = 6


def seen(act: Act, began: float, status: int | None = 200, session: str | None = "s", **fields: object) -> Seen:
    """A request that takes half a second, in container 0."""
    answered = None if status is None else began + 0.5
    one = Seen(act, "u", 0, began, answered, status, session)
    return replace(one, **fields)  # type: ignore[arg-type]


def sign_in(began: float, session: str | None = "s", status: int | None = 200) -> Seen:
    return seen(Act.SIGN_IN, began, status, session)


def refresh(began: float, presented: str, successor: str | None, status: int | None = 200) -> Seen:
    return seen(Act.REFRESH, began, status, presented=presented, successor=successor)


def call(began: float, status: int = 200, container: int = 1) -> Seen:
    return seen(Act.CALL, began, status, container=container)


def end(began: float, reason: str, target: str | None = "s", status: int | None = 204, by: str = "s") -> Seen:
    return seen(Act.END, began, status, by, reason=reason, target=target)


def rules(history: Sequence[Seen], listed: str | None = None, generation: int = 0) -> list[str]:
    """What `history` breaks, when in the end session s is listed with the reason `listed` and its generation."""
    return [one.rule for one in broken(history, Final({"u": {"s": listed}}, {"s": generation}), INTERVAL)]


def test_an_honest_life_breaks_nothing() -> None:
    history = [
        sign_in(0),
        call(1),
        refresh(2, "t0", "t1"),
        refresh(3, "t1", None, status=None),  # lost
        refresh(4, "t1", "t2"),
        refresh(5, "t2", "t3"),  # two tabs
        refresh(5, "t2", "t3"),
        refresh(6, "t3", None, status=503),
        refresh(7, "t3", "t4"),
        end(8, EndReason.LOGOUT),
        call(8.2, 401),  # under way together
        call(9, 200),  # another container has not heard of it
        call(15, 401),
        refresh(9, "t4", None, 401),
    ]
    assert rules(history, EndReason.LOGOUT, 4) == []


# --- Nothing is lost


@pytest.mark.parametrize(
    "request_", [refresh(1, "t0", None, 401), call(1, 401), end(1, EndReason.REVOKED, "other", 401)]
)
def test_a_refusal_without_an_end_is_found(request_: Seen) -> None:
    (rule,) = rules([sign_in(0), request_])
    assert rule.endswith("of a living session is let in")


def test_what_came_before_a_refusal_is_shown() -> None:
    history = [sign_in(0), refresh(1, "t0", "t1"), refresh(2, "t1", None, 401), call(3, 401)]
    (found,) = broken(history, Final({"u": {"s": None}}, {"s": 1}), INTERVAL)
    assert found.evidence == tuple(history[:3])


def test_an_end_explains_nothing_that_was_refused_before_it() -> None:
    assert rules([sign_in(0), call(1, 401), end(2, EndReason.LOGOUT)], EndReason.LOGOUT) == [
        "a protected call of a living session is let in"
    ]


@pytest.mark.parametrize(
    "other",
    [
        end(1, EndReason.REVOKED, "another"),
        end(1, EndReason.LOGOUT_OTHERS, "s"),
        end(1, EndReason.LOGOUT, status=401),
        end(-2, EndReason.LOGOUT_ALL, None),
        replace(end(1, EndReason.LOGOUT_ALL, None), user="somebody else"),
    ],
    ids=["of another", "that spares it", "that was refused", "before the sign-in", "of another user"],
)
def test_an_end_that_is_not_this_sessions_explains_nothing(other: Seen) -> None:
    assert rules([sign_in(0), replace(other, session=None), refresh(3, "t0", None, 401)])


@pytest.mark.parametrize("status", [None, 503])
def test_an_end_that_may_have_taken_explains_both(status: int | None) -> None:
    history = [sign_in(0), end(1, EndReason.LOGOUT, status=status)]
    assert rules([*history, refresh(3, "t0", None, 401)], EndReason.LOGOUT) == []
    assert rules([*history, refresh(3, "t0", "t1")], None, 1) == []


def test_a_lost_session_is_missed_in_the_list() -> None:
    (found,) = broken([sign_in(0)], Final({"u": {}}, {"s": 0}), INTERVAL)
    assert (found.rule, found.session) == ("every session is listed", "s")


# --- Nothing is revived


@pytest.mark.parametrize(
    "ending", [end(1, EndReason.LOGOUT), end(1, EndReason.LOGOUT_ALL, None), end(1, EndReason.REUSE, status=401)]
)
def test_a_refresh_after_the_end_is_found(ending: Seen) -> None:
    history = [sign_in(0), ending, refresh(1.6, "t0", "t1")]
    assert rules(history, ending.reason, 1) == ["no refresh is let in after the end"]


def test_a_call_later_than_the_interval_is_found() -> None:
    history = [sign_in(0), end(1, EndReason.LOGOUT)]
    assert rules([*history, call(1.5 + INTERVAL)], EndReason.LOGOUT) == []
    assert rules([*history, call(1.6 + INTERVAL)], EndReason.LOGOUT) == [
        "no protected call is let in after the end"
    ]


def test_where_it_was_ended_a_call_is_let_in_no_more() -> None:
    history = [sign_in(0), end(1, EndReason.LOGOUT), call(2, container=0)]
    assert rules(history, EndReason.LOGOUT) == ["no protected call is let in after the end"]


def test_an_ended_session_ends_no_other() -> None:
    history = [sign_in(0), end(1, EndReason.LOGOUT), end(2, EndReason.REVOKED, "other")]
    assert rules(history, EndReason.LOGOUT) == ["no end is let in after the end"]


# --- One successor


def test_a_second_successor_is_found() -> None:
    history = [sign_in(0), refresh(1, "t0", "t1:key:x"), refresh(1, "t0", "t1b:key:y")]
    assert rules(history, None, 1) == ["a refresh token has one successor"]


def test_a_successor_is_the_same_byte_for_byte() -> None:
    history = [sign_in(0), refresh(1, "t0", "t1:key:x"), refresh(1, "t0", "t1:key:y")]
    assert rules(history, None, 1) == ["a refresh token has one successor"]


def test_a_new_key_makes_the_same_successor_anew() -> None:
    history = [sign_in(0), refresh(1, "t0:key:w", "t1:key:x"), refresh(1, "t0:key:w", "t1:next key:y")]
    assert rules([*history, refresh(2, "t1:key:x", "t2:next key:z")], None, 2) == []
    assert rules([*history, refresh(2, "t1:next key:y", "t2:next key:z")], None, 2) == []


def test_a_successor_of_two_tokens_is_found() -> None:
    history = [sign_in(0), refresh(1, "t0", "t1"), refresh(2, "t1", "t1")]
    assert rules(history, None, 2) == ["a successor has one token before it"]


def test_a_refresh_token_is_named_by_what_it_says_its_key_and_its_text() -> None:
    token = RefreshToken(base64url.encode(bytes(16)), bytes(16).hex(), b"s" * 16, 7)
    one, other = (named(mint(token, HmacKey(kid, b"k" * 32))) for kid in ("00000001", "00000002"))
    following = named(mint(token.successor(), HmacKey("00000001", b"k" * 32)))
    assert [name.split(":")[1] for name in (one, other, following)] == ["00000001", "00000002", "00000001"]
    assert one.split(":")[0] == other.split(":")[0] != following.split(":")[0]
    assert len({name.split(":")[2] for name in (one, other, following)}) == 3


# --- Reuse


def test_an_old_token_that_is_taken_is_found() -> None:
    assert rules([sign_in(0), end(1, EndReason.REUSE, status=200)]) == ["an old refresh token is refused"]


def test_a_reuse_that_ends_nothing_is_found() -> None:
    assert rules([sign_in(0), end(1, EndReason.REUSE, status=401)]) == ["an ended session is listed as ended"]


# --- What stands there in the end


def test_an_ended_session_that_is_listed_as_living_is_found() -> None:
    assert rules([sign_in(0), end(1, EndReason.LOGOUT)], None) == ["an ended session is listed as ended"]


def test_a_living_session_that_is_listed_as_ended_is_found() -> None:
    (rule,) = rules([sign_in(0)], EndReason.REVOKED)
    assert rule.startswith("the reason listed")


def test_the_reason_is_that_of_the_first_end() -> None:
    history = [sign_in(0), end(1, EndReason.LOGOUT), replace(end(3, EndReason.LOGOUT_ALL, None), session="other")]
    assert rules(history, EndReason.LOGOUT) == []
    assert rules(history, EndReason.LOGOUT_ALL) == ["the reason listed, logout_all, is that of the first end"]


def test_ends_that_meet_may_both_be_the_first() -> None:
    history = [
        sign_in(0),
        end(1, EndReason.LOGOUT),
        replace(end(1.2, EndReason.LOGOUT_ALL, None), session="other"),
    ]
    assert rules(history, EndReason.LOGOUT) == rules(history, EndReason.LOGOUT_ALL) == []


def test_of_many_ends_of_everything_the_reasons_are_forgotten() -> None:
    others = [replace(end(3 + number, EndReason.LOGOUT_ALL, None), session="other") for number in range(21)]
    assert rules([sign_in(0), end(1, EndReason.LOGOUT), *others], EndReason.LOGOUT_OTHERS) == []
    assert rules([sign_in(0), end(1, EndReason.LOGOUT), *others[1:]], EndReason.LOGOUT_OTHERS)


def test_a_session_that_nobody_began_is_found() -> None:
    final = Final({"u": {"s": None, "stranger": None}}, {"s": 0})
    (found,) = broken([sign_in(0)], final, INTERVAL)
    assert (found.rule, found.session) == ("only sessions that were begun are listed", "stranger")
    assert broken([sign_in(0), sign_in(1, None, 503)], final, INTERVAL) == []


@pytest.mark.parametrize("generation", [0, 2])
def test_a_generation_that_nobody_counted_is_found(generation: int) -> None:
    (rule,) = rules([sign_in(0), refresh(1, "t0", "t1"), refresh(1, "t0", "t1")], None, generation)
    assert rule == f"the generation in the table, {generation}, is what the clients counted, 1"


def test_a_refresh_that_met_the_end_of_everything_may_have_moved_the_session() -> None:
    met = [end(1, EndReason.LOGOUT_ALL, None), refresh(1, "t0", None, 401)]
    assert (
        rules([sign_in(0), *met], EndReason.LOGOUT_ALL, 0)
        == rules([sign_in(0), *met], EndReason.LOGOUT_ALL, 1)
        == []
    )
    met = [end(1, EndReason.LOGOUT), refresh(1, "t0", None, 401)]
    assert rules([sign_in(0), *met], EndReason.LOGOUT, 1)


# --- Answers


@pytest.mark.parametrize(("act", "status"), [(Act.CALL, 500), (Act.REFRESH, 502), (Act.CALL, 403), (Act.END, 404)])
def test_an_answer_that_is_none_of_those_promised_is_found(act: Act, status: int) -> None:
    assert f"a {act} is never answered {status}" in rules([sign_in(0), seen(act, 1, status)])


def test_503_is_an_answer() -> None:
    assert rules([sign_in(0), call(1, 503)]) == []


def test_a_history_is_told_in_order() -> None:
    lines = list(told([end(3, EndReason.LOGOUT), sign_in(1), refresh(2, "t0", None, None)]))
    assert [line.split()[:3] for line in lines] == [
        ["0.000", "0.500", "sign"],
        ["1.000", "lost", "refresh"],
        ["2.000", "2.500", "end"],
    ]
