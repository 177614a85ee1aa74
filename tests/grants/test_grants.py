"""The refresh grant by itself: what a replay is, what a reuse is, and what a scope comes to."""

from collections.abc import Callable
from dataclasses import replace

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.errors import InvalidGrantError
from chalicelib.grants.grant import TokenRequest
from chalicelib.grants.refresh_token import NotRotated, RefreshTokenGrant, why_not_rotated
from chalicelib.grants.token_endpoint import TokenEndpoint
from chalicelib.grants.token_issuer import TokenIssuer
from chalicelib.model import FIRST_PARTY, EndReason, TokenResponse, User
from chalicelib.scope import Scope
from chalicelib.telemetry.events import Event, EventName
from chalicelib.tokens import refresh_token
from chalicelib.tokens.claims import MAX_RECORD_LENGTH, UnfitTokenError
from tests.support.one_session import (
    ABSOLUTE,
    CLIENT,
    DEVICE,
    FIRST,
    GRACE,
    HELD,
    HMAC,
    IDLE,
    NOW,
    REALM,
    SESSION,
    SIGNING,
    TOKEN,
    USER,
    Memory,
)

# --- The table of judgements, against design.md's in other words


def expected(*, presented: int, stands_at: int, since_rotation: int, living: bool, its_own: bool) -> NotRotated:
    """Every row of the table; the write did not take."""
    rows = [
        (not living or not its_own, NotRotated.REFUSED),
        (presented >= stands_at, NotRotated.REFUSED),
        (presented + 1 < stands_at, NotRotated.REUSE),
        (since_rotation > 60, NotRotated.REUSE),
        (True, NotRotated.REPLAY),
    ]
    return next(verdict for condition, verdict in rows if condition)


near = st.integers(0, 4)
around_the_grace = st.sampled_from([0, 1, 59, 60, 61, 900])


@given(
    near,
    near,
    around_the_grace,
    st.sampled_from([None, "secret", "client"]),
    st.sampled_from([None, "end", "idle", "absolute"]),
)
def test_every_row_of_the_table(
    presented: int, stands_at: int, age: int, foreign: str | None, over: str | None
) -> None:
    now = NOW + age
    session = replace(
        SESSION,
        generation=stands_at,
        ended_at=NOW if over == "end" else None,
        expires_at=now + (over != "idle"),
        absolute_expires_at=now + (over != "absolute"),
    )
    token = replace(TOKEN, generation=presented, secret=b"y" * 16 if foreign == "secret" else TOKEN.secret)
    verdict = why_not_rotated(token, "another" if foreign == "client" else FIRST_PARTY, session, now, GRACE)
    assert verdict is expected(
        presented=presented, stands_at=stands_at, since_rotation=age, living=over is None, its_own=foreign is None
    )


def test_no_session_is_refused() -> None:
    assert why_not_rotated(TOKEN, FIRST_PARTY, None, NOW, GRACE) is NotRotated.REFUSED


# --- The grant

Refresh = Callable[..., TokenResponse]


@pytest.fixture
def memory() -> Memory:
    return Memory()


@pytest.fixture
def refresh(memory: Memory) -> Refresh:
    return over(memory)


def over(memory: Memory) -> Refresh:
    """The grant as a call: `refresh(text, now, scope)`."""
    grant = RefreshTokenGrant(memory, memory, memory, memory, memory)
    endpoint = TokenEndpoint({"refresh_token": grant}, TokenIssuer(memory, lambda count: b"j" * count), memory)

    def call(text: str, now: int = NOW, scope: Scope | None = None, client_id: str = FIRST_PARTY) -> TokenResponse:
        client = replace(CLIENT, client_id=client_id)
        request = TokenRequest("refresh_token", client, scope, DEVICE, *REALM, now, refresh_token=text)
        return endpoint(request)

    return call


def claims(response: TokenResponse) -> dict[str, object]:
    key = SIGNING.private_key.public_key()
    options = {"verify_exp": False, "verify_iat": False}
    decoded: dict[str, object] = jwt.decode(
        response.access_token,
        key,
        ["ES256"],
        audience=REALM[1],
        issuer=REALM[0],
        options=options,  # type: ignore[arg-type]
    )
    return decoded


def test_the_successor_is_the_next_generation_of_the_same_session(refresh: Refresh, memory: Memory) -> None:
    response = refresh(FIRST)
    assert refresh_token.read(response.refresh_token, memory, NOW) == TOKEN.successor()
    assert (response.expires_in, response.scope) == (900, HELD)
    told = claims(response)
    assert (told["sub"], told["sid"], told["client_id"]) == (TOKEN.sub, TOKEN.session_id, FIRST_PARTY)
    assert told["exp"] == NOW + 900


def test_a_refresh_is_one_write(refresh: Refresh, memory: Memory) -> None:
    refresh(FIRST)
    assert memory.writes == ["rotate"]


@pytest.mark.parametrize("later", [0, 1, GRACE])
def test_a_replay_gives_the_same_bytes_and_changes_nothing(refresh: Refresh, memory: Memory, later: int) -> None:
    successor = refresh(FIRST).refresh_token
    before = memory.session
    assert refresh(FIRST, NOW + later).refresh_token == successor
    assert memory.session == before
    assert {event.event for event in memory.events} == {EventName.REFRESH}


def test_the_grace_does_not_slide_with_replays(refresh: Refresh) -> None:
    refresh(FIRST)
    refresh(FIRST, NOW + GRACE)
    with pytest.raises(InvalidGrantError):
        refresh(FIRST, NOW + GRACE + 1)


def test_reuse_ends_the_session_once_and_is_told(refresh: Refresh, memory: Memory) -> None:
    newest = refresh(refresh(FIRST).refresh_token).refresh_token
    for text in (FIRST, FIRST, newest):
        with pytest.raises(InvalidGrantError):
            refresh(text, NOW + 1)
    assert memory.session
    assert (memory.session.ended_at, memory.session.reason) == (NOW + 1, EndReason.REUSE) == (NOW + 1, "reuse")
    told = [event for event in memory.events if event.event is EventName.REFRESH_TOKEN_REUSED]
    assert told == [
        Event(
            event=EventName.REFRESH_TOKEN_REUSED,
            at=NOW + 1,
            sub=TOKEN.sub,
            username="zoe",
            client_id=SESSION.client_id,
            session_id=TOKEN.session_id,
            generation=0,
            current_generation=2,
        )
    ]
    refused = [event.reason for event in memory.events if event.event is EventName.REFRESH_REFUSED]
    assert refused == ["refresh: reuse", "refresh: no such living session", "refresh: no such living session"]


def test_another_client_is_refused_and_ends_nothing(refresh: Refresh, memory: Memory) -> None:
    refresh(refresh(FIRST).refresh_token)
    before = memory.session
    with pytest.raises(InvalidGrantError):
        refresh(FIRST, client_id="another")
    assert memory.session == before


@given(st.lists(st.tuples(st.sampled_from([0, 1, 30, 61, 500, 999, 1_000]), st.integers(0, 3)), max_size=12))
def test_any_series_of_refreshes_goes_as_the_table_says(steps: list[tuple[int, int]]) -> None:
    """Each step waits and presents the newest token, or one some generations older."""
    memory = Memory()
    refresh = over(memory)
    issued, now, rotated_at, expires_at, over_since = [FIRST], NOW, NOW, NOW + IDLE, False
    for wait, back in steps:
        now += wait
        presented = max(0, len(issued) - 1 - back)
        living = not over_since and now < min(expires_at, NOW + ABSOLUTE)
        newest = presented == len(issued) - 1
        replay = presented == len(issued) - 2 and now - rotated_at <= GRACE
        if not living or not (newest or replay):
            with pytest.raises(InvalidGrantError):
                refresh(issued[presented], now)
            over_since = True
            continue
        successor = refresh(issued[presented], now).refresh_token
        if newest:
            issued.append(successor)
            rotated_at, expires_at = now, now + IDLE
        assert successor == issued[presented + 1]
    assert len(set(issued)) == len(issued)


# --- Scope

scopes = st.frozensets(st.sampled_from("abcd"))


@given(scopes, st.none() | scopes, st.none() | scopes, scopes)
def test_what_a_scope_comes_to(held: Scope, asked: Scope | None, narrowed: Scope | None, later: Scope) -> None:
    memory = Memory(user=replace(USER, scope=held), session=replace(SESSION, asked_scope=asked))
    refresh = over(memory)
    first = refresh(FIRST, scope=narrowed)
    wanted = held if asked is None else held & asked
    assert first.scope == (wanted if narrowed is None else wanted & narrowed)
    assert claims(first)["scope"] == " ".join(sorted(first.scope))
    # Nothing was stored: the next token follows the user as they are then.
    memory.user = replace(USER, scope=later)
    assert refresh(first.refresh_token).scope == (later if asked is None else later & asked)


# --- The user's record


def test_the_claims_are_those_of_the_record_now(refresh: Refresh, memory: Memory) -> None:
    memory.user = replace(USER, claims={"level": 1, "sub": "x"})
    told = claims(refresh(FIRST))
    assert (told["level"], told["sub"]) == (1, TOKEN.sub)


@pytest.mark.parametrize(
    "user",
    [
        None,
        replace(USER, disabled=True),
        replace(USER, session_epoch=1),
        replace(USER, session_epoch=1, kept_session="x"),
    ],
    ids=["gone", "disabled", "logged out everywhere", "another session kept"],
)
def test_a_session_that_its_user_ended_is_refused(refresh: Refresh, memory: Memory, user: User | None) -> None:
    memory.user = user
    for _ in range(2):
        with pytest.raises(InvalidGrantError):
            refresh(FIRST)


def test_a_record_that_fits_into_no_token_spends_nothing(refresh: Refresh, memory: Memory) -> None:
    memory.user = replace(USER, claims={"a": "x" * MAX_RECORD_LENGTH})
    with pytest.raises(UnfitTokenError):
        refresh(FIRST)
    assert memory.writes == []


def test_a_kept_session_goes_on_whatever_the_epoch(refresh: Refresh, memory: Memory) -> None:
    memory.user = replace(USER, session_epoch=5, kept_session=SESSION.session_id)
    response = refresh(FIRST)
    assert claims(response)["session_epoch"] == 5
    memory.user = replace(memory.user, disabled=True)
    with pytest.raises(InvalidGrantError):
        refresh(response.refresh_token)


def test_a_session_younger_than_the_epoch_goes_on(refresh: Refresh, memory: Memory) -> None:
    memory.user = replace(USER, session_epoch=2)
    memory.session = replace(SESSION, session_epoch=2)
    assert refresh(FIRST).scope == HELD


def test_the_last_generation_is_the_end(refresh: Refresh, memory: Memory) -> None:
    last = replace(TOKEN, generation=refresh_token.MAX_GENERATION)
    memory.session = replace(SESSION, generation=refresh_token.MAX_GENERATION)
    with pytest.raises(InvalidGrantError):
        refresh(refresh_token.mint(last, HMAC))
    assert memory.writes == []
