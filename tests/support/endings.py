"""The ways in which a session ends: each ends `mine`, by its own doing or by the user's `other` session."""

from tests.support.callers import SignedIn


def by_logout(mine: SignedIn, other: SignedIn) -> None:
    assert mine.post("/logout").status == 204


def by_logout_of_all(mine: SignedIn, other: SignedIn) -> None:
    assert other.post("/logout?sessions=all").status == 204


def by_logout_of_others(mine: SignedIn, other: SignedIn) -> None:
    assert other.post("/logout?sessions=others").status == 204


def by_password(mine: SignedIn, other: SignedIn) -> None:
    fields = {"current_password": "demo-password", "new_password": "another fine password"}
    assert other.put("/me/password", **fields).status == 204
    fields = {"current_password": fields["new_password"], "new_password": "demo-password"}
    assert other.put("/me/password", **fields).status == 204


def by_deletion(mine: SignedIn, other: SignedIn) -> None:
    assert other.delete(f"/me/sessions/{mine.session_id}").status == 204


def by_reuse(mine: SignedIn, other: SignedIn) -> None:
    successor = mine.refresh().json["refresh_token"]
    assert mine.client.refresh(successor).status == 200
    assert mine.refresh().status == 401


def by_a_late_reuse(mine: SignedIn, other: SignedIn) -> None:
    assert mine.refresh().status == 401


ENDINGS = {
    "logout": by_logout,
    "logout_all": by_logout_of_all,
    "logout_others": by_logout_of_others,
    "password_changed": by_password,
    "revoked": by_deletion,
    "reuse": by_reuse,
}
