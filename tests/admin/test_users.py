"""`users rename`, `disable`, `enable`."""

from dataclasses import replace

import pytest

from chalicelib.model import User
from chalicelib.services import Services
from tests.admin.conftest import Admin


@pytest.mark.usefixtures("services")
def test_a_user_is_renamed(admin: Admin, services: Services, user: User) -> None:
    ran = admin("users", "rename", user.username, "robin", "--json")
    assert (ran.status, ran.json) == (0, {"sub": user.sub, "username": "robin"})
    assert services.users.by_username(user.username) is None
    renamed = services.users.by_username("robin")
    assert renamed is not None
    assert renamed.sub == user.sub


def test_it_says_in_a_line_who_has_which_name_now(admin: Admin, user: User) -> None:
    assert admin("users", "rename", user.username, "robin").out == f"{user.username} is robin from now on.\n"


@pytest.mark.parametrize(
    ("username", "new", "line"),
    [
        ("nobody", "robin", "There is no such user."),
        ("", "gatehouse", "This username already exists."),
        ("", "a:b", "The username must be"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(
    admin: Admin, user: User, username: str, new: str, line: str
) -> None:
    ran = admin("users", "rename", username or user.username, new)
    assert (ran.status, ran.out) == (1, "")
    assert ran.err.startswith(line)
    assert ran.err.count("\n") == 1


def test_a_name_that_is_missing_is_a_wrong_call(admin: Admin, user: User) -> None:
    assert admin("users", "rename", user.username).status == 2


def test_a_user_is_disabled_and_enabled(admin: Admin, services: Services, user: User) -> None:
    ran = admin("users", "disable", user.username, "--yes")
    assert (ran.status, ran.out) == (0, f"{user.username} is disabled.\n")
    record = services.users.by_sub(user.sub)
    assert record is not None
    assert (record.disabled, record.session_epoch) == (True, 1)
    ran = admin("users", "enable", user.username, "--json")
    assert (ran.status, ran.json) == (0, {"sub": user.sub, "disabled": False})
    assert services.users.by_sub(user.sub) == replace(record, disabled=False)


def test_nobody_is_disabled_without_a_yes(admin: Admin, services: Services, user: User) -> None:
    ran = admin("users", "disable", user.username, typed="n\n")
    assert (ran.status, ran.out) == (1, "")
    assert ran.err.startswith("Every session of this user ends, and they cannot sign in. Disable them?")
    assert services.users.by_sub(user.sub) == user


@pytest.mark.parametrize("verb", ["disable", "enable"])
@pytest.mark.usefixtures("services")
def test_nobody_of_that_name_is_one_line(admin: Admin, verb: str) -> None:
    ran = admin("users", verb, "nobody", "--yes")
    assert (ran.status, ran.out, ran.err) == (1, "", "There is no such user.\n")
