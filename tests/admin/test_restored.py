"""`restored`: a backup is put back in place of the tables, and nothing that had ended since lives again."""

import json
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import pytest

from chalicelib.accounts.restoration import to_disable
from chalicelib.keys.ring import Purpose, Role
from chalicelib.model import EndReason, User
from chalicelib.services import Services, install
from chalicelib.telemetry.events import EventName
from tests.admin.conftest import Admin
from tests.conftest import disable, emulated_tables, new_user
from tests.support.callers import SignedIn, container, sign_in
from tests.support.client import Client, Clock

Restore = Callable[[], None]
NEW = "another fine password"
# Seconds until whoever has cached the JWK Set reads it again.
WITHOUT_THE_NEW_KEYS = 300


@pytest.fixture
def backup(services: Services, clock: Clock) -> Callable[..., Restore]:
    """Copies the tables; what it gives puts the copy in their place and lets a new container serve."""

    def copied(*, feed: bool) -> Restore:
        names = [services.settings.users_table, services.settings.sessions_table, services.settings.keys_table]
        if feed:
            names.append(services.settings.revocations_table)
        kept = {name: deepcopy(emulated_tables()[name].items) for name in names}

        def restore() -> None:
            clock.advance(3_600 if feed else 0)
            for name, items in kept.items():
                emulated_tables()[name].items.clear()
                emulated_tables()[name].items.update(items)
            install(container(services))

        return restore

    return copied


@pytest.mark.parametrize("feed", [False, True], ids=["the feed goes on", "the feed is restored, an hour later"])
def test_what_had_ended_does_not_come_back(
    client: Client, services: Services, user: User, admin: Admin, backup: Callable[..., Restore], feed: bool
) -> None:
    ended, everywhere, living = sign_in(client, user), sign_in(client, new_user(services)), sign_in(client, user)
    restore = backup(feed=feed)
    ended.post("/logout")
    everywhere.post("/logout?sessions=all")
    restore()
    assert ended.refresh().status == 200, "the backup has brought it back"
    assert admin("restored", "--yes").status == 0
    for session in (ended, everywhere, living):
        assert session.refresh().status == 401
        assert session.get("/me").status == 401


def test_whoever_signs_in_anew_is_let_in_everywhere(
    client: Client, services: Services, admin: Admin, backup: Callable[..., Restore], clock: Clock
) -> None:
    """The feed still names a later epoch of theirs than the backup has."""
    user = new_user(services)
    restore = backup(feed=False)
    for _ in range(3):
        sign_in(client, user).post("/logout?sessions=all")
    restore()
    assert admin("restored", "--yes").status == 0
    clock.advance(WITHOUT_THE_NEW_KEYS)
    assert sign_in(client, user).lives()


def test_a_revoked_key_stays_revoked_and_so_does_every_other_of_the_backup(
    client: Client, services: Services, user: User, admin: Admin, backup: Callable[..., Restore], clock: Clock
) -> None:
    session = sign_in(client, user)
    restore = backup(feed=False)
    before = {entry.kid for entry in services.rotation.ring().entries}
    admin("keys", "revoke", services.keys.signing_key(services.now()).kid, "--yes")
    restore()
    ran = admin("restored", "--yes", "--json")
    assert set(ran.json["revoked"]) == before
    ring = services.rotation.ring()
    for entry in ring.entries:
        assert (ring.role(entry, services.now()) is Role.REVOKED) == (entry.kid in before)
    for purpose in (Purpose.ACCESS_TOKEN, Purpose.REFRESH_TOKEN):
        roles = sorted(ring.role(entry, services.now()) for entry in ring.trusted(purpose))
        assert roles == [Role.ACTIVE, Role.PENDING]
    clock.advance(WITHOUT_THE_NEW_KEYS)
    assert not session.lives()
    assert sign_in(client, user).lives()


def test_a_session_is_listed_with_the_reason(client: Client, user: User, admin: Admin) -> None:
    sign_in(client, user)
    admin("restored", "--yes")
    listed = sign_in(client, user).get("/me/sessions").json["sessions"]
    assert [session.get("reason") for session in listed] == [None, "restored"]


def test_with_the_audit_trail_no_former_password_signs_in(
    client: Client,
    services: Services,
    admin: Admin,
    backup: Callable[..., Restore],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    changed, disabled, neither = (new_user(services) for _ in range(3))
    restore = backup(feed=False)
    caplog.clear()
    with caplog.at_level("INFO"):
        session = sign_in(client, changed)
        session.put("/me/password", current_password="demo-password", new_password=NEW)
        disable(services, disabled)
    trail = tmp_path / "events"
    lines = [
        json.dumps({name: vars(record).get(name) for name in ("event", "sub", "reason")})
        for record in caplog.records
    ]
    trail.write_text("\n".join(["no JSON", "[]", *lines]))
    restore()
    assert client.sign_in(changed.username).status == 200, "the backup has the former password"
    ran = admin("restored", "--yes", "--json", "--events", str(trail))
    assert sorted(ran.json["disabled"]) == sorted([changed.username, disabled.username])
    assert client.sign_in(changed.username).status == 401
    assert client.sign_in(disabled.username).status == 401
    assert client.sign_in(neither.username).status == 200


def event(name: EventName, sub: str, reason: str | None = None) -> str:
    return json.dumps({"event": name, "sub": sub, "reason": reason})


def test_who_was_enabled_again_is_not_disabled() -> None:
    trail = [
        event(EventName.SESSIONS_ENDED, "a", EndReason.DISABLED),
        event(EventName.SESSIONS_ENDED, "b", EndReason.DISABLED),
        event(EventName.SESSIONS_ENDED, "c", EndReason.LOGOUT_ALL),
        event(EventName.USER_ENABLED, "a"),
        event(EventName.PASSWORD_CHANGED, "d"),
        event(EventName.USER_ENABLED, "d"),
        event(EventName.SIGN_IN, "e"),
    ]
    assert to_disable(trail) == {"b", "d"}


def test_it_may_be_run_again(client: Client, user: User, admin: Admin) -> None:
    for _ in range(2):
        assert admin("restored", "--yes").status == 0
    assert sign_in(client, user).lives()


def test_nothing_is_done_without_a_yes(client: Client, user: User, admin: Admin) -> None:
    session: SignedIn = sign_in(client, user)
    ran = admin("restored", typed="\n")
    assert (ran.status, ran.out) == (1, "")
    assert session.lives()


def test_a_user_who_changes_at_that_moment_is_ended_all_the_same(
    client: Client, services: Services, user: User, admin: Admin, monkeypatch: pytest.MonkeyPatch
) -> None:
    end_sessions = type(services.users).end_sessions
    changes = [user]

    def meet(self: object, *arguments: object) -> bool:
        if changes:
            services.sessions.end_all(changes.pop().sub, EndReason.LOGOUT_ALL, services.now())
        return end_sessions(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(type(services.users), "end_sessions", meet)
    assert admin("restored", "--yes").status == 0
    record = services.users.by_sub(user.sub)
    assert record is not None
    assert [change.reason for change in record.epoch_changes] == [EndReason.LOGOUT_ALL, EndReason.RESTORED]
