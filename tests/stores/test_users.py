"""Users in DynamoDB: what is written comes back, and each name and address is claimed once."""

import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import pytest

from chalicelib.accounts.sessions import EpochChangedError
from chalicelib.errors import ConflictError, EmailTakenError, UsernameTakenError
from chalicelib.model import EndReason, EpochChange, User
from chalicelib.scope import parse
from chalicelib.services import Services
from chalicelib.stores.users import UserStore
from tests.conftest import connect

PLAIN = User(sub="1", username="Zo\u00eb", email="Zoe@example.com", password_hash="a hash", scope=parse("a b"))
FULL = replace(
    PLAIN,
    claims=MappingProxyType({"n": 1, "f": 0.5, "deep": {"list": [None, True, ""]}}),
    disabled=True,
    session_epoch=3,
    kept_session="s",
    epoch_changes=(
        EpochChange(2, 10, EndReason.LOGOUT, None),
        EpochChange(3, 20, EndReason.PASSWORD_CHANGED, "s"),
    ),
)

RACERS = 16


@pytest.fixture
def store(services: Services) -> UserStore:
    return services.users


@pytest.mark.parametrize("user", [PLAIN, FULL, replace(PLAIN, email=None), replace(PLAIN, scope=frozenset())])
def test_what_is_added_comes_back(store: UserStore, user: User) -> None:
    store.add(user)
    assert store.by_username(user.username) == user


# --- The stored form: who changes it needs a migration, or users are lost

STORED = replace(FULL, username="Zo\u00eb I", email="Zo\u00eb@m\u00fcnchen.example")
GOLDEN: dict[str, Any] = {
    "pk": {"S": "sub:1"},
    "sub": {"S": "1"},
    "username": {"S": "Zo\u00eb I"},
    "email": {"S": "Zo\u00eb@m\u00fcnchen.example"},
    "password_hash": {"S": "a hash"},
    "granted_scope": {"S": "a b"},
    "claims": {"S": '{"n": 1, "f": 0.5, "deep": {"list": [null, true, ""]}}'},
    "disabled": {"BOOL": True},
    "session_epoch": {"N": "3"},
    "kept_session": {"S": "s"},
    "epoch_changes": {
        "L": [
            {"M": {"epoch": {"N": "2"}, "at": {"N": "10"}, "reason": {"S": "logout"}, "kept": {"NULL": True}}},
            {
                "M": {
                    "epoch": {"N": "3"},
                    "at": {"N": "20"},
                    "reason": {"S": "password_changed"},
                    "kept": {"S": "s"},
                }
            },
        ]
    },
}
CLAIMS = (
    "email:zo\u00eb@xn--mnchen-3ya.example",
    "skeleton:zo\u00eb i",
    "skeleton:zo\u00eb l",
    "username:zo\u00eb i",
)


def test_the_items_of_a_user(store: UserStore) -> None:
    store.add(STORED)
    items = connect("dynamodb").scan(TableName=store.table.name)["Items"]
    claims = [{"pk": {"S": pk}, "holder": {"S": "1"}} for pk in CLAIMS]
    assert sorted(items, key=lambda item: item["pk"]["S"]) == sorted(
        [*claims, GOLDEN], key=lambda item: item["pk"]["S"]
    )


def test_a_user_who_stands_in_the_table_is_found(store: UserStore) -> None:
    client = connect("dynamodb")
    for item in (GOLDEN, {"pk": {"S": "username:zo\u00eb i"}, "holder": {"S": "1"}}):
        client.put_item(TableName=store.table.name, Item=item)
    assert store.by_username("Zo\u00eb I") == STORED


def test_nobody_is_nobody(store: UserStore) -> None:
    assert store.by_username("nobody") is None


@pytest.mark.parametrize("spelt", ["Zo\u00eb", "zo\u00eb", "ZO\u00cb", unicodedata.normalize("NFD", "Zo\u00eb")])
def test_a_name_is_found_and_taken_however_it_is_spelt(store: UserStore, spelt: str) -> None:
    store.add(PLAIN)
    assert store.by_username(spelt) == PLAIN
    with pytest.raises(UsernameTakenError):
        store.add(replace(PLAIN, sub="2", username=spelt, email="another@example.com"))


@pytest.mark.parametrize("spelt", ["Zoe@example.com", "zoe@EXAMPLE.com"])
def test_an_address_is_taken_however_it_is_spelt(
    store: UserStore, spelt: str, contents: Callable[[], list[str]]
) -> None:
    store.add(PLAIN)
    before = contents()
    with pytest.raises(EmailTakenError):
        store.add(replace(PLAIN, sub="2", username="another", email=spelt))
    assert contents() == before
    assert store.by_username("another") is None


def test_both_taken_is_a_taken_username(store: UserStore, contents: Callable[[], list[str]]) -> None:
    store.add(PLAIN)
    before = contents()
    with pytest.raises(UsernameTakenError):
        store.add(replace(PLAIN, sub="2"))
    assert contents() == before


def test_a_name_and_an_address_of_the_same_text_are_two_things(store: UserStore) -> None:
    store.add(replace(PLAIN, username="zoe@example.com", email="another@example.com"))
    store.add(replace(PLAIN, sub="2", username="another@example.com", email="zoe@example.com"))


def test_many_users_may_have_no_address(store: UserStore) -> None:
    store.add(replace(PLAIN, email=None))
    store.add(replace(PLAIN, sub="2", username="another", email=None))
    assert store.by_username("another") is not None


def _race(store: UserStore, users: list[User]) -> list[type]:
    """What became of adding all of them at once: `User` for the ones who were added."""

    def add(user: User) -> type:
        try:
            store.add(user)
        except ConflictError as error:
            return type(error)
        return User

    with ThreadPoolExecutor(RACERS) as pool:
        return list(pool.map(add, users))


def test_a_race_for_a_name_has_one_winner(store: UserStore, contents: Callable[[], list[str]]) -> None:
    users = [replace(PLAIN, sub=f"{n}", email=f"{n}@example.com") for n in range(RACERS)]
    outcomes = _race(store, users)
    assert sorted(outcomes, key=str) == sorted([User, *[UsernameTakenError] * (RACERS - 1)], key=str)
    assert store.by_username(PLAIN.username) == users[outcomes.index(User)]
    assert len(contents()) == 4


def test_a_race_for_an_address_has_one_winner(store: UserStore, contents: Callable[[], list[str]]) -> None:
    users = [replace(PLAIN, sub=f"{n}", username=f"user-{n}") for n in range(RACERS)]
    outcomes = _race(store, users)
    assert sorted(outcomes, key=str) == sorted([User, *[EmailTakenError] * (RACERS - 1)], key=str)
    found = [user for user in users if store.by_username(user.username)]
    assert found == [users[outcomes.index(User)]]
    assert len(contents()) == 4


def test_a_password_hash_is_replaced_where_it_is_still_the_one(store: UserStore) -> None:
    store.add(FULL)
    store.replace_password_hash(FULL, "a new hash")
    assert store.by_username(FULL.username) == replace(FULL, password_hash="a new hash")
    store.replace_password_hash(FULL, "a late hash")
    assert store.by_username(FULL.username) == replace(FULL, password_hash="a new hash")


def test_a_password_hash_makes_no_user(store: UserStore, contents: Callable[[], list[str]]) -> None:
    store.replace_password_hash(PLAIN, "a new hash")
    assert contents() == []


def test_the_epoch_rises_with_its_reason(store: UserStore) -> None:
    store.add(PLAIN)
    change = EpochChange(1, 10, EndReason.PASSWORD_CHANGED, "s")
    store.advance_epoch(PLAIN, change, "a new hash")
    raised = replace(PLAIN, session_epoch=1, kept_session="s", epoch_changes=(change,), password_hash="a new hash")
    assert store.by_username(PLAIN.username) == raised
    store.advance_epoch(raised, EpochChange(2, 20, EndReason.LOGOUT, None))
    found = store.by_username(PLAIN.username)
    assert found
    assert (found.session_epoch, found.kept_session, found.password_hash) == (2, None, "a new hash")


@pytest.mark.parametrize("seen", [replace(PLAIN, session_epoch=1), replace(PLAIN, password_hash="another")])
def test_the_epoch_rises_only_from_what_was_seen(
    store: UserStore, seen: User, contents: Callable[[], list[str]]
) -> None:
    store.add(PLAIN)
    before = contents()
    with pytest.raises(EpochChangedError):
        store.advance_epoch(seen, EpochChange(seen.session_epoch + 1, 10, EndReason.LOGOUT, None))
    assert contents() == before
