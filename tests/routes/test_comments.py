"""/comments: the sample resource, where each owns what they write."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote

import pytest

from chalicelib import base64url
from chalicelib.model import Principal, PrincipalKind, User
from chalicelib.sample.comments import Writer
from chalicelib.services import Services
from tests.conftest import new_user
from tests.support.client import Client, Clock, Reply, bearer

NOT_FOUND = (404, "There is nothing here.")


@dataclass
class Visitor:
    """Somebody with a token."""

    client: Client
    token: str

    def post(self, message: object = "Hello", **fields: object) -> Reply:
        return self.client.json("/comments", {"message": message, **fields}, bearer(self.token))

    def posted(self) -> str:
        comment_id: str = self.post().json["comment_id"]
        return comment_id

    def get(self, target: str) -> Reply:
        return self.client.get(target, self.token)

    def delete(self, comment_id: str) -> Reply:
        return self.client.send("DELETE", f"/comments/{comment_id}", bearer(self.token))

    def flag(self, comment_id: str) -> Reply:
        return self.client.send("POST", f"/comments/{comment_id}/flags", bearer(self.token))


@pytest.fixture
def writer(client: Client, user: User) -> Visitor:
    return Visitor(client, client.access_token(user.username))


@pytest.fixture
def another(client: Client, services: Services) -> Visitor:
    return Visitor(client, client.access_token(new_user(services).username))


@pytest.fixture
def moderator(client: Client, admin: User) -> Visitor:
    return Visitor(client, client.access_token(admin.username))


# --- Writing and reading


def test_a_comment_is_made_and_read_back(writer: Visitor, user: User, clock: Clock) -> None:
    clock.now = 1_800_000_000
    reply = writer.post("Hello, \u4e16\u754c \U0001f600\0")
    assert reply.status == 201
    comment = reply.json
    assert reply.headers["location"] == f"https://gatehouse.example/comments/{comment['comment_id']}"
    assert writer.get(f"/comments/{comment['comment_id']}").json == comment
    assert re.fullmatch("[A-Za-z0-9_-]{1,64}", comment.pop("comment_id"))
    assert comment == {
        "author": user.username,
        "message": "Hello, \u4e16\u754c \U0001f600\0",
        "created_at": "2027-01-15T08:00:00Z",
    }


def test_everyone_reads_everyones(writer: Visitor, another: Visitor) -> None:
    comment_id = writer.posted()
    assert another.get(f"/comments/{comment_id}").status == 200
    assert [comment["comment_id"] for comment in another.get("/comments").json["comments"]] == [comment_id]


def test_a_message_may_come_as_a_form(client: Client, writer: Visitor) -> None:
    reply = client.form("/comments", bearer(writer.token), message="a & b")
    assert (reply.status, reply.json["message"]) == (201, "a & b")


@pytest.mark.parametrize("length", [1, 4_000])
def test_the_longest_and_the_shortest_message(writer: Visitor, length: int) -> None:
    assert writer.post("\u4e16" * length).status == 201


@pytest.mark.parametrize("message", ["", "x" * 4_001, None, 5, True, ["a"], {"a": "b"}])
def test_refused_messages(writer: Visitor, message: object, contents: Callable[[], list[str]]) -> None:
    before = contents()
    assert writer.post(message).problem()[0] == 400
    assert contents() == before


# --- Whose it is


@pytest.mark.parametrize("author", ["somebody", "", None])
def test_a_user_writes_as_themselves_whatever_they_send(writer: Visitor, user: User, author: str | None) -> None:
    assert writer.post(author=author).json["author"] == user.username


def test_a_moderator_may_write_as_anyone(services: Services, moderator: Visitor, admin: User) -> None:
    new_user(services, username="Zo\u00eb", email=None)
    assert moderator.post(author="Zoe\u0308").json["author"] == "Zo\u00eb"
    assert moderator.post().json["author"] == admin.username


@pytest.mark.parametrize("author", ["a:b", "a\0", "x" * 65, 5, ["a"]])
def test_not_even_a_moderator_writes_as_nobody(
    moderator: Visitor, author: object, contents: Callable[[], list[str]]
) -> None:
    before = contents()
    assert moderator.post(author=author).problem()[0] == 400
    assert contents() == before


def test_a_token_without_moderation_writes_as_its_user(client: Client, admin: User) -> None:
    narrowed = Visitor(client, client.access_token(admin.username, scope="comments:write"))
    assert narrowed.post(author="somebody").json["author"] == admin.username


def test_a_user_deletes_their_own(writer: Visitor) -> None:
    comment_id = writer.posted()
    reply = writer.delete(comment_id)
    assert (reply.status, reply.body) == (204, b"")
    assert writer.get(f"/comments/{comment_id}").problem() == NOT_FOUND
    assert writer.delete(comment_id).problem() == NOT_FOUND


def test_nobody_deletes_anothers(writer: Visitor, another: Visitor, contents: Callable[[], list[str]]) -> None:
    comment_id = writer.posted()
    before = contents()
    reply = another.delete(comment_id)
    assert reply.problem() == (403, "This comment belongs to somebody else.")
    assert "www-authenticate" not in reply.headers
    assert contents() == before


def test_a_moderator_deletes_anyones(writer: Visitor, moderator: Visitor) -> None:
    assert moderator.delete(writer.posted()).status == 204


def test_what_a_moderator_wrote_as_a_user_is_the_users(writer: Visitor, user: User, moderator: Visitor) -> None:
    comment_id = moderator.post(author=user.username.upper()).json["comment_id"]
    assert writer.delete(comment_id).status == 204


def test_a_user_alike_by_prefix_is_another(
    client: Client, services: Services, writer: Visitor, user: User
) -> None:
    near = new_user(services, username=f"{user.username}x", email=None)
    assert Visitor(client, client.access_token(near.username)).delete(writer.posted()).status == 403


# --- Flags and history


def test_flags_are_history(writer: Visitor, user: User, moderator: Visitor, admin: User, clock: Clock) -> None:
    clock.now = 1_800_000_000
    comment_id = writer.posted()
    clock.advance(60)
    reply = moderator.flag(comment_id)
    flagged = {"action": "flagged", "by": admin.username, "at": "2027-01-15T08:01:00Z"}
    assert (reply.status, reply.json) == (201, flagged)
    assert reply.headers["location"] == f"https://gatehouse.example/comments/{comment_id}/history"
    created = {"action": "created", "by": user.username, "at": "2027-01-15T08:00:00Z"}
    assert moderator.get(f"/comments/{comment_id}/history").json == {"history": [created, flagged]}


def test_a_moderator_cannot_write_as_nobody(moderator: Visitor) -> None:
    assert moderator.post(author="nobody-of-this-name").problem() == (400, "There is no such author.")


def test_history_says_who_wrote_under_anothers_name(moderator: Visitor, admin: User, user: User) -> None:
    comment_id = moderator.post(author=user.username).json["comment_id"]
    (created,) = moderator.get(f"/comments/{comment_id}/history").json["history"]
    assert created["by"] == admin.username


def test_flags_and_history_need_moderation(writer: Visitor) -> None:
    comment_id = writer.posted()
    denied = (403, "The access token does not allow this request.")
    assert writer.flag(comment_id).problem() == denied
    assert writer.get(f"/comments/{comment_id}/history").problem() == denied


# --- Unknown ids


@pytest.mark.parametrize(
    "comment_id",
    [
        "unknown",
        "x" * 64,
        "x" * 1_100,
        "%00",
        "%20",
        "a%2Fb",
        "%FF",
        "%F0%9F%98%80" * 60,
        "..",
        "\u00e9",
        "*",
        "%2A",
    ],
)
def test_an_unknown_id_is_404(moderator: Visitor, comment_id: str, contents: Callable[[], list[str]]) -> None:
    before = contents()
    for reply in (
        moderator.get(f"/comments/{comment_id}"),
        moderator.get(f"/comments/{comment_id}/history"),
        moderator.delete(comment_id),
        moderator.flag(comment_id),
    ):
        assert reply.problem() == NOT_FOUND
    assert contents() == before


# --- Pages


def test_no_comments_is_an_empty_page(writer: Visitor) -> None:
    reply = writer.get("/comments")
    assert (reply.status, reply.json) == (200, {"comments": []})
    assert reply.headers["cache-control"] == "no-store"


def _fill(services: Services, count: int) -> list[str]:
    writer = Writer(Principal(PrincipalKind.CLIENT, "somebody"), frozenset())
    posted = [services.comments.post(writer, "Hello", None, services.now() + number) for number in range(count)]
    return [comment.comment_id for comment in posted]


@pytest.mark.parametrize(("count", "sizes"), [(50, [50]), (101, [50, 50, 1])])
def test_pages_follow_each_other_oldest_first(
    services: Services, writer: Visitor, count: int, sizes: list[int]
) -> None:
    ids = _fill(services, count)
    pages, target = [], "/comments"
    while target:
        page = writer.get(target).json
        pages.append([comment["comment_id"] for comment in page["comments"]])
        target = f"/comments?next={quote(page['next'])}" if "next" in page else ""
    assert [len(page) for page in pages] == sizes
    assert [comment_id for page in pages for comment_id in page] == ids


def test_next_goes_on_though_its_comment_was_deleted(
    services: Services, writer: Visitor, moderator: Visitor
) -> None:
    ids = _fill(services, 51)
    cursor = writer.get("/comments").json["next"]
    moderator.delete(ids[49])
    page = writer.get(f"/comments?next={cursor}").json
    assert [comment["comment_id"] for comment in page["comments"]] == ids[50:]


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "!!!",
        "a",
        "%00",
        "\u00e9",
        base64url.encode(b"\xff\xfe"),
        base64url.encode(b"a b"),
        base64url.encode(b"x" * 1_030),
        base64url.encode(b"unknown") + "=",
    ],
)
def test_a_cursor_that_nobody_gave_is_400(writer: Visitor, cursor: str) -> None:
    reply = writer.get(f"/comments?next={cursor}")
    assert reply.problem() == (400, "The value of next was not given by this service.")
