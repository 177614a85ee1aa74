"""What an entry of the revocation feed ends, and what it does not."""

from dataclasses import dataclass

import pytest

from chalicelib.tokens.revocations import Kind, Revocation, Revocations
from tests.support.revocations import FAR, ended

NOW = 1_800_000_000


@dataclass(frozen=True)
class Token:
    """What an access token says that can be revoked."""

    sub: str = "sub"
    sid: str | None = "sid"
    jti: str = "jti"
    kid: str = "kid"
    session_epoch: int | None = 0


def epoch(number: int, kept: str | None = None) -> Revocation:
    return Revocation(Kind.USER, "sub", NOW, FAR, number, kept)


@pytest.mark.parametrize(
    "entry", [ended("sub", "sid"), ended("sub", "jti"), Revocation(Kind.KEY, "kid", NOW, FAR)], ids=str
)
def test_an_entry_ends_what_it_names_and_nothing_else(entry: Revocation) -> None:
    revocations = Revocations([entry])
    assert revocations.revokes(Token())
    assert not revocations.revokes(Token(sid="other", jti="other", kid="other"))


@pytest.mark.parametrize("kind", [Kind.USER, Kind.CLIENT])
def test_an_id_of_a_session_says_nothing_about_a_key_nor_a_user(kind: Kind) -> None:
    entry = Revocation(kind, "sub", NOW, FAR, ended=frozenset({"kid", "sub"}))
    assert not Revocations([entry]).revokes(Token())
    assert not Revocations([Revocation(Kind.KEY, "sid", NOW, FAR)]).revokes(Token())


def test_its_length_is_how_much_it_holds() -> None:
    entries = [ended("sub", "sid", "jti"), Revocation(Kind.KEY, "kid", NOW, FAR), epoch(1)]
    assert [len(Revocations(entries[:count])) for count in range(4)] == [0, 2, 3, 4]


def test_no_entry_ends_nothing() -> None:
    assert not Revocations().revokes(Token())


def test_a_token_without_a_session_is_ended_by_its_own_id() -> None:
    token = Token(sid=None, session_epoch=None)
    assert Revocations([ended("sub", "jti")]).revokes(token)
    assert not Revocations([ended("sub", "None")]).revokes(token)


@pytest.mark.parametrize(("held", "ends"), [(None, True), (0, True), (1, True), (2, False), (3, False)])
def test_a_users_entry_ends_what_is_older_than_its_epoch(held: int | None, ends: bool) -> None:
    revocations = Revocations([epoch(2)])
    assert revocations.revokes(Token(session_epoch=held)) is ends
    assert not revocations.revokes(Token(sub="other", session_epoch=held))


def test_a_users_entry_spares_the_session_that_it_keeps() -> None:
    revocations = Revocations([epoch(1, "sid")])
    assert not revocations.revokes(Token())
    assert revocations.revokes(Token(sid="other"))
    assert revocations.revokes(Token(sid=None))


def test_without_a_kept_session_a_token_without_one_is_not_spared() -> None:
    assert Revocations([epoch(1)]).revokes(Token(sid=None))


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
def test_a_later_epoch_ends_the_session_that_an_earlier_one_kept(order: tuple[int, int]) -> None:
    changes = {1: epoch(1, "sid"), 2: epoch(2, "other")}
    revocations = Revocations([changes[number] for number in order])
    assert revocations.revokes(Token(session_epoch=0))
    assert revocations.revokes(Token(session_epoch=1))
    assert not revocations.revokes(Token(sid="other", session_epoch=1))


def test_an_entry_that_grew_ends_all_that_it_ever_named() -> None:
    revocations = Revocations([ended("sub", "sid")])
    revocations.add(ended("sub", "sid", "jti"))
    revocations.add(ended("sub", "sid"))
    assert revocations.revokes(Token(jti="other"))
    assert revocations.revokes(Token(sid="other"))


@pytest.mark.parametrize(
    "entry",
    [
        ended("sub", "sid", until=NOW),
        Revocation(Kind.KEY, "kid", NOW, NOW),
        Revocation(Kind.USER, "sub", NOW, NOW, 1),
    ],
    ids=str,
)
def test_it_is_forgotten_from_the_time_that_the_entry_says(entry: Revocation) -> None:
    revocations = Revocations([entry])
    revocations.forget(NOW - 1)
    assert revocations.revokes(Token())
    revocations.forget(NOW)
    assert not revocations.revokes(Token())
    assert len(revocations) == 0
