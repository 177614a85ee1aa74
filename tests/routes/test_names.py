"""A person is a `sub`: a name that is changed, freed, swapped or taken again gives nobody anything."""

import pytest

from chalicelib.accounts.sign_up import RESERVED_NAMES
from chalicelib.model import User
from chalicelib.services import Services
from tests.conftest import connect, new_user
from tests.support.callers import sign_in
from tests.support.client import Client, Clock, bearer

INTERVAL = 5


def rename(services: Services, user: User, name: str) -> User:
    """The user as they are now called."""
    services.accounts.rename(user, name)
    renamed = services.users.by_sub(user.sub)
    assert renamed is not None
    return renamed


@pytest.fixture
def first(services: Services) -> User:
    """Who had the name `alex` first."""
    return new_user(services, username="alex", email="first@example.com")


def test_a_renamed_user_signs_in_by_the_new_name_alone(client: Client, services: Services, first: User) -> None:
    rename(services, first, "Robin")
    assert client.sign_in("robin").status == 200
    assert client.sign_in("alex").status == 401


def test_their_sessions_go_on_under_the_new_name(client: Client, services: Services, first: User) -> None:
    session = sign_in(client, first)
    rename(services, first, "robin")
    assert client.get("/me", session.refresh().json["access_token"]).json["username"] == "robin"
    assert [each["current"] for each in session.get("/me/sessions").json["sessions"]] == [True]


def test_another_spelling_of_ones_own_name_is_no_other_name(services: Services, first: User) -> None:
    capital = rename(services, first, "Alex")
    assert capital.username == "Alex"
    assert rename(services, capital, "alex").username == "alex"


def test_a_name_that_somebody_has_is_taken(client: Client, services: Services, first: User, user: User) -> None:
    with pytest.raises(Exception, match="already exists"):
        services.accounts.rename(first, user.username)
    assert client.sign_in("alex").status == 200


class Taken:
    """The first has a session, an access token and a comment; then the name goes to a second one, who signs in."""

    def __init__(self, client: Client, services: Services, first: User) -> None:
        self.first = sign_in(client, first)
        self.comment_id = client.json("/comments", {"message": "Mine"}, bearer(self.first.access_token)).json[
            "comment_id"
        ]
        rename(services, first, "robin")
        self.user = new_user(services, username="alex", email="second@example.com")
        self.second = sign_in(client, self.user)


@pytest.fixture
def taken(client: Client, services: Services, first: User) -> Taken:
    return Taken(client, services, first)


def test_the_refresh_token_stays_the_first_ones(client: Client, taken: Taken, first: User) -> None:
    assert client.get("/me", taken.first.refresh().json["access_token"]).json["sub"] == first.sub


def test_the_access_token_of_before_is_the_first_ones(taken: Taken, first: User) -> None:
    assert taken.first.get("/me").json["sub"] == first.sub
    assert [len(each.get("/me/sessions").json["sessions"]) for each in (taken.first, taken.second)] == [1, 1]


@pytest.mark.parametrize("way", ["/logout", "/logout?sessions=all", "/logout?sessions=others"])
@pytest.mark.parametrize(("one", "other"), [("first", "second"), ("second", "first")])
def test_logging_out_ends_nothing_of_the_others(
    taken: Taken, clock: Clock, way: str, one: str, other: str
) -> None:
    assert getattr(taken, one).post(way).status == 204
    clock.advance(INTERVAL)
    assert getattr(taken, other).get("/me").status == 200


def test_a_password_is_changed_for_oneself(client: Client, taken: Taken) -> None:
    reply = taken.first.put("/me/password", current_password="demo-password", new_password="quite another one")
    assert reply.status == 204
    assert client.sign_in("robin", "quite another one").status == 200
    assert client.sign_in("alex", "demo-password").status == 200


def test_a_comment_stays_its_authors_and_shows_the_name_of_now(taken: Taken) -> None:
    target = f"/comments/{taken.comment_id}"
    assert taken.second.get(target).json["author"] == "robin"
    assert taken.second.delete(target).status == 403
    assert taken.first.delete(target).status == 204


def test_two_who_swap_their_names_keep_all_else(client: Client, services: Services, taken: Taken) -> None:
    first, second = services.users.by_username("robin"), services.users.by_username("alex")
    assert first is not None
    assert second is not None
    rename(services, first, "someone")
    rename(services, second, "robin")
    first = services.users.by_sub(first.sub)
    assert first is not None
    rename(services, first, "alex")
    answers = [client.get("/me", each.refresh().json["access_token"]).json for each in (taken.first, taken.second)]
    assert [(each["sub"], each["username"]) for each in answers] == [(first.sub, "alex"), (second.sub, "robin")]


def test_a_comment_of_a_user_who_is_gone_has_no_author(services: Services, taken: Taken, first: User) -> None:
    connect("dynamodb").delete_item(TableName=services.settings.users_table, Key={"pk": {"S": f"sub:{first.sub}"}})
    assert taken.second.get(f"/comments/{taken.comment_id}").json["author"] is None
    (comment,) = taken.second.get("/comments").json["comments"]
    assert comment["author"] is None


@pytest.mark.parametrize("name", sorted(RESERVED_NAMES))
def test_the_name_of_a_client_cannot_be_signed_up(client: Client, name: str) -> None:
    fields = {"username": name.upper(), "email": "a@example.com", "password": "a password of mine"}
    assert client.json("/users", fields).status == 409
