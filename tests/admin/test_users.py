"""`users rename`: the name changes, and nothing else."""

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
