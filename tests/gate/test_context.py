"""The authorizer context: what the gate writes, the API reads; what another wrote is refused."""

from types import MappingProxyType

import pytest

from chalicelib.gate import context
from chalicelib.gate.context import Context
from chalicelib.tokens.access_token_verifier import AccessTokenClaims

USERS = AccessTokenClaims(
    iss="https://gatehouse.example",
    sub="usr_7",
    aud="https://gatehouse.example",
    exp=1_800_000_900,
    iat=1_800_000_000,
    jti="tok_1",
    client_id="gatehouse",
    scope=frozenset({"comments:write", "comments:read"}),
    kid="k1",
    sid="ses_1",
    preferred_username="Zoë",
    session_epoch=0,
    custom=MappingProxyType({"plan": MappingProxyType({"seats": (1, 2)})}),
)
PROGRAMS = USERS._replace(sid=None, preferred_username=None, session_epoch=None, scope=frozenset(), custom={})


def test_the_context_is_strings_alone() -> None:
    written = context.write(USERS)
    assert {type(value) for value in written.values()} == {str}
    assert written["scope"] == "comments:read comments:write"
    assert written["claims"] == '{"plan":{"seats":[1,2]}}'


def test_what_is_written_is_read() -> None:
    assert context.read(context.write(USERS)) == Context(
        sub="usr_7",
        client_id="gatehouse",
        scope=USERS.scope,
        jti="tok_1",
        exp=1_800_000_900,
        kid="k1",
        sid="ses_1",
        username="Zoë",
        session_epoch=0,
        claims={"plan": {"seats": [1, 2]}},
    )


def test_what_a_token_does_not_say_is_left_out() -> None:
    written = context.write(PROGRAMS)
    assert written.keys() == {"sub", "client_id", "scope", "jti", "exp", "kid", "claims"}
    read = context.read(written)
    assert (read["sid"], read["username"], read["session_epoch"]) == (None, None, None)
    assert (read["scope"], read["claims"]) == (frozenset(), {})


@pytest.mark.parametrize("name", ["sub", "client_id", "scope", "jti", "exp", "kid", "claims"])
def test_a_context_without_one_of_them_is_anothers(name: str) -> None:
    written = context.write(USERS)
    del written[name]
    with pytest.raises(KeyError):
        context.read(written)
