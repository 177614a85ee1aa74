"""Sessions by themselves: what is recorded where an entry of the feed is full."""

from unittest.mock import Mock

from chalicelib.accounts.sessions import SessionLimits, Sessions
from chalicelib.model import EndReason, User
from chalicelib.telemetry.events import EventName
from chalicelib.tokens.revocations import RevocationsFullError
from tests.support.recorder import Recorder

NOW = 1_800_000_000
USER = User(sub="sub", username="zoe", email=None, password_hash="", scope=frozenset())


def test_a_session_whose_end_fits_into_no_entry_ends_with_all_others_and_its_end_is_recorded() -> None:
    users = Mock(by_sub=Mock(return_value=USER))
    store, recorder = Mock(end=Mock(side_effect=RevocationsFullError)), Recorder()
    Sessions(users, store, Mock(), recorder, SessionLimits(0, 100)).end_known("sub", "sid", EndReason.LOGOUT, NOW)
    users.advance_epoch.assert_called_once()
    (all_ended,), (ended,) = recorder.named(EventName.SESSIONS_ENDED), recorder.named(EventName.SESSION_ENDED)
    assert (all_ended.sub, all_ended.reason) == ("sub", "logout")
    assert (ended.sub, ended.session_id, ended.reason) == ("sub", "sid", "logout")
