"""Sessions under everything that may happen to them, against the model of what is promised."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from chalicelib.accounts import sessions, sign_up
from chalicelib.accounts.sessions import Kept
from chalicelib.grants import refresh_token
from chalicelib.grants.refresh_token import NotRotated, SessionRotation, why_not_rotated
from chalicelib.keys.ring import KeyEntry, KeyRing, Purpose
from chalicelib.model import EndReason, EpochChange, Session, User
from chalicelib.scope import Scope
from chalicelib.stores import sessions as session_store
from chalicelib.stores.sessions import SessionStore
from chalicelib.stores.users import UserStore
from chalicelib.tokens.revocation_feed import Feed
from chalicelib.tokens.revocations import Revocations
from tests.state_machine.machine import SessionMachine
from tests.state_machine.model import GRACE, IDLE_LIFETIME

PROFILE = settings(
    max_examples=200, stateful_step_count=50, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)

TestSessions = SessionMachine.TestCase
TestSessions.settings = PROFILE


def test_a_lost_answer_can_be_asked_for_again_while_its_key_is_going() -> None:
    """The key of a token that was refreshed at the last moment must outlive the grace as well."""
    services = SessionMachine()
    services.open(max_sessions=0)
    services.containers[0].rotation.force(Purpose.REFRESH_TOKEN, services.now)
    services.now = max(key.signs_from for key in services.containers[0].key_store.load()) - 1
    services.sign_in(pause=0, number=0, container=0, asked=None)
    services.refresh_in_vain(pause=IDLE_LIFETIME - 1, number=0, container=0, late=False)
    assert services.clients[0].is_owed_an_answer(services.now + GRACE)
    services.refresh(pause=GRACE, number=0, container=0, narrowed=None, lost=[])


# --- The machine finds what is done wrong

Mutant = Callable[[pytest.MonkeyPatch], None]
MUTANTS: dict[str, Mutant] = {}


def mutant(function: Mutant) -> Mutant:
    MUTANTS[function.__name__] = function
    return function


@mutant
def every_old_token_is_a_replay(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(refresh_token, "why_not_rotated", lambda *_: NotRotated.REPLAY)


def with_a_grace_of(patch: pytest.MonkeyPatch, seconds: int) -> None:
    patch.setattr(
        refresh_token,
        "why_not_rotated",
        lambda token, client_id, session, now, _: why_not_rotated(token, client_id, session, now, seconds),
    )


@mutant
def the_grace_never_ends(patch: pytest.MonkeyPatch) -> None:
    with_a_grace_of(patch, 1_000_000)


@mutant
def there_is_no_grace(patch: pytest.MonkeyPatch) -> None:
    with_a_grace_of(patch, -1)


@mutant
def a_replay_begins_the_grace_anew(patch: pytest.MonkeyPatch) -> None:
    """What a comparison with the last use would do."""
    rotate = SessionStore.rotate

    def touching(self: SessionStore, rotation: SessionRotation) -> tuple[bool, Session | None]:
        took, session = rotate(self, rotation)
        if session and not took and rotation.token.generation == session.generation - 1:
            self.add(replace(session, rotated_at=rotation.now))
        return took, session

    patch.setattr(SessionStore, "rotate", touching)


@mutant
def reuse_ends_nothing(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(refresh_token.RefreshTokenGrant, "_end", lambda *_: None)


def without(patch: pytest.MonkeyPatch, condition: str) -> None:
    """Drops one condition of the write that a refresh is."""
    assert condition in session_store._AT_THIS_GENERATION
    patch.setattr(session_store, "_AT_THIS_GENERATION", session_store._AT_THIS_GENERATION.replace(condition, ""))


@mutant
def the_write_asks_for_no_generation(patch: pytest.MonkeyPatch) -> None:
    without(patch, "generation = :generation AND ")


@mutant
def the_write_revives_what_has_ended(patch: pytest.MonkeyPatch) -> None:
    without(patch, " AND attribute_not_exists(ended_at)")


@mutant
def the_idle_lifetime_never_ends(patch: pytest.MonkeyPatch) -> None:
    without(patch, " AND expires_at > :now")


@mutant
def the_absolute_lifetime_never_ends(patch: pytest.MonkeyPatch) -> None:
    without(patch, " AND absolute_expires_at > :now")


@mutant
def the_last_reason_wins(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(session_store, "_NOT_ENDED", "attribute_exists(session_id)")


@mutant
def the_epoch_is_not_looked_at(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Session, "lives_with", lambda *_: True)


@mutant
def enabling_revives_what_disabling_ended(patch: pytest.MonkeyPatch) -> None:
    lives_with = Session.lives_with

    def forgiving(self: Session, user: User) -> bool:
        last = user.epoch_changes[-1] if user.epoch_changes else None
        forgiven = last is not None and last.reason is EndReason.DISABLED
        return lives_with(self, replace(user, session_epoch=user.session_epoch - 1) if forgiven else user)

    patch.setattr(Session, "lives_with", forgiving)


@mutant
def no_session_is_kept(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Session, "lives_with", lambda self, user: self.session_epoch == user.session_epoch)


@mutant
def keeping_an_ended_session_brings_it_back(patch: pytest.MonkeyPatch) -> None:
    def unasked(user: User, reason: EndReason, now: int, kept: Kept | None) -> EpochChange:
        return EpochChange(user.session_epoch + 1, now, reason, kept.session_id if kept else None)

    patch.setattr(sessions, "next_epoch", unasked)
    patch.setattr(sign_up, "next_epoch", unasked)


@mutant
def logging_out_everywhere_spares_who_was_kept_before(patch: pytest.MonkeyPatch) -> None:
    advance_epoch = UserStore.advance_epoch

    def sparing(self: UserStore, user: User, change: EpochChange, password_hash: str | None = None) -> None:
        advance_epoch(self, user, replace(change, kept=change.kept or user.kept_session), password_hash)

    patch.setattr(UserStore, "advance_epoch", sparing)


@mutant
def an_end_is_not_told_to_the_feed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Revocations, "revokes", lambda *_: False)


@mutant
def the_feed_is_read_once(patch: pytest.MonkeyPatch) -> None:
    pull = Feed._pull
    patch.setattr(Feed, "_pull", lambda self, now: None if self._pulled_at else pull(self, now))
    patch.setattr(Feed, "_usable", lambda self, _: self._known)


@mutant
def the_feed_ends_the_kept_session_too(patch: pytest.MonkeyPatch) -> None:
    add = Revocations.add
    patch.setattr(Revocations, "add", lambda self, entry: add(self, replace(entry, kept=None)))


@mutant
def a_retired_key_reads_nothing(patch: pytest.MonkeyPatch) -> None:
    def active_alone(self: KeyRing, purpose: Purpose, now: int) -> tuple[KeyEntry, ...]:
        active = self.signer(purpose, "", now)
        return (active,) if active else ()

    patch.setattr(KeyRing, "usable", active_alone)


@mutant
def scopes_stay_as_they_were_asked(patch: pytest.MonkeyPatch) -> None:
    def granted(held: Scope, *asked: Scope | None) -> Scope:
        return next((wish for wish in asked if wish is not None), held)

    patch.setattr(refresh_token, "granted", granted)


@pytest.mark.parametrize("name", MUTANTS)
def test_the_machine_finds(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    MUTANTS[name](monkeypatch)
    first_found = settings(
        PROFILE,
        max_examples=1_000,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        report_multiple_bugs=False,
    )
    with pytest.raises(AssertionError):
        run_state_machine_as_test(SessionMachine, settings=first_found)
