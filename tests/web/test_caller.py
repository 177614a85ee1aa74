"""Who calls, and the second look at the access table."""

from typing import Any

import pytest

from chalicelib.access_table import access
from chalicelib.errors import InsufficientScopeError, InvalidTokenError
from chalicelib.tokens.revocations import Revocation, Revocations
from chalicelib.web.caller import Caller, check_access
from tests.support.revocations import ended

NOW = 1_800_000_000
ENTRY = access("GET", "/reports", "reports:read")
# As API Gateway hands on what the gate said: texts alone.
SAID = {
    "sub": "usr_1",
    "client_id": "gatehouse",
    "scope": "reports:read account",
    "jti": "tok_1",
    "exp": str(NOW + 1),
    "kid": "key_1",
    "sid": "ses_1",
    "username": "zoe",
    "session_epoch": "3",
    "claims": '{"tenant": "north"}',
}


def context(**said: str) -> dict[str, Any]:
    return {"httpMethod": "GET", "resourcePath": "/reports", "authorizer": {**SAID, **said}}


def test_the_caller_is_who_the_gate_said() -> None:
    caller = Caller.of(context())
    assert (caller.sub, caller.sid, caller.user(), caller.session_epoch) == ("usr_1", "ses_1", "usr_1", 3)
    assert (caller.scope, caller.exp) == (frozenset({"reports:read", "account"}), NOW + 1)
    assert caller.claims == {"tenant": "north"}


def test_a_token_of_no_user_has_none() -> None:
    said = {name: text for name, text in SAID.items() if name not in {"username", "sid", "session_epoch"}}
    caller = Caller.of({"authorizer": said})
    assert (caller.username, caller.sid, caller.session_epoch) == (None, None, None)
    with pytest.raises(InsufficientScopeError):
        caller.user()


@pytest.mark.parametrize("left_out", ["sub", "client_id", "scope", "jti", "exp", "kid", "claims"])
def test_without_a_gate_that_spoke_nobody_calls(left_out: str) -> None:
    said = {name: text for name, text in SAID.items() if name != left_out}
    for request_context in ({}, {"authorizer": said}):
        with pytest.raises(InvalidTokenError):
            Caller.of(request_context)


@pytest.mark.parametrize(
    ("asked", "now", "revoked", "error"),
    [
        (context(), NOW, (), None),
        (context(), NOW + 1, (), InvalidTokenError),
        (context(), NOW, (ended("usr_1", "ses_1"),), InvalidTokenError),
        (context(scope="account"), NOW, (), InsufficientScopeError),
    ],
)
def test_the_entry_is_held_against_the_caller_again(
    asked: dict[str, Any], now: int, revoked: tuple[Revocation, ...], error: type[Exception] | None
) -> None:
    def check() -> None:
        check_access(Caller.of(asked), ENTRY, Revocations(revoked), now)

    if error is None:
        check()
    else:
        with pytest.raises(error):
            check()
