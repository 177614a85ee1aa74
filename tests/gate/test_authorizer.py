"""The gate as API Gateway calls it: with any event, and with a JWK Set that comes, fails or never came."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib import authorizer
from chalicelib.access_table import access
from chalicelib.errors import StoreUnavailableError
from chalicelib.gate.decision import Gate
from chalicelib.gate.policy import AccessTable
from chalicelib.keys.remote_jwk_set import KeysUnavailableError
from chalicelib.settings import Settings
from chalicelib.tokens.revocations import Kind, Revocation, Revocations
from tests.support import token_forge
from tests.support.client import Clock
from tests.support.hostile_tokens import hostile_tokens
from tests.support.revocations import FAR, ended

ARN = "arn:aws:execute-api:us-east-1:123456789012:a1b2c3d4e5/api/GET/me"
UNAUTHORIZED = r"^Unauthorized$"

# A space before the token is one more after the scheme, which is allowed (RFC 9110 §11.4: 1*SP).
HOSTILE = {name: token for name, token in hostile_tokens().items() if name != "segments/space before"}


def jwk_set() -> bytes:
    """The public half of the forge's key, as it is published."""
    numbers = token_forge.EC_KEY.public_key().public_numbers()
    x, y = (token_forge.segment(number.to_bytes(32, "big")) for number in (numbers.x, numbers.y))
    jwk = {"kty": "EC", "crv": "P-256", "x": x, "y": y, "kid": "ec", "alg": "ES256", "use": "sig"}
    return json.dumps({"keys": [jwk]}).encode()


class Published:
    """A JWK Set at an address, which can be out of reach; counts who asks."""

    def __init__(self) -> None:
        self.asked = 0
        self.reachable = True

    def __call__(self, uri: str) -> bytes:
        self.asked += 1
        assert uri == f"{token_forge.ISSUER}/.well-known/jwks.json"
        if not self.reachable:
            raise OSError("unreachable")
        return jwk_set()


@pytest.fixture
def published() -> Published:
    return Published()


@pytest.fixture
def clock(published: Published, monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of the gate that stands at `authorizer.gate` from now on."""
    clock = Clock(token_forge.NOW)
    settings = Settings(issuer=token_forge.ISSUER, audience=token_forge.AUDIENCE)
    gate = Gate(settings, AccessTable([access("GET", "/me")]), published, clock)
    monkeypatch.setattr(authorizer, "GATE", gate)
    return clock


def ask(token: Any, arn: Any = ARN, kind: Any = "TOKEN") -> dict[str, Any]:
    """The gate's answer to one event."""
    answer: dict[str, Any] = authorizer.gate({"type": kind, "authorizationToken": token, "methodArn": arn}, {})
    return answer


def test_a_good_token_gets_principal_policy_and_a_context_of_strings(clock: Clock) -> None:
    answer = ask(f"Bearer {token_forge.token()}")
    assert answer["principalId"] == "usr_7"
    assert answer["policyDocument"]["Statement"][0]["Resource"] == [ARN]
    assert answer["context"]["scope"] == "comments:read comments:write"
    assert all(isinstance(value, str) for value in answer["context"].values())


@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_a_hostile_token_is_unauthorized_and_nothing_else(clock: Clock, name: str) -> None:
    with pytest.raises(Exception, match=UNAUTHORIZED) as raised:
        ask(f"Bearer {HOSTILE[name]}")
    assert type(raised.value) is Exception


@pytest.mark.parametrize("token", ["", "Bearer", "Bearer ", "Basic ZGVtbzpkZW1v", "Bearer a b", "bearer\ta", "é"])
def test_what_is_no_bearer_token_is_unauthorized(clock: Clock, token: str) -> None:
    with pytest.raises(Exception, match=UNAUTHORIZED):
        ask(token)


@pytest.mark.parametrize(
    "arn",
    [
        "",
        "*",
        "arn:aws:execute-api:us-east-1:123456789012:*/api/GET/me",
        "arn:aws:s3:::bucket",
        ARN[:-7],
        f" {ARN}",
    ],
)
def test_what_is_no_arn_of_a_method_is_unauthorized(clock: Clock, arn: str) -> None:
    with pytest.raises(Exception, match=UNAUTHORIZED):
        ask(f"Bearer {token_forge.token()}", arn)


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"type": "TOKEN"},
        {"type": "TOKEN", "methodArn": ARN},
        {"type": "TOKEN", "authorizationToken": "Bearer x"},
        {"type": "TOKEN", "authorizationToken": None, "methodArn": ARN},
        {"type": "TOKEN", "authorizationToken": ["Bearer x"], "methodArn": ARN},
        {"type": "TOKEN", "authorizationToken": "Bearer x", "methodArn": None},
    ],
)
def test_an_event_that_api_gateway_never_sends_is_never_allowed(clock: Clock, event: dict[str, Any]) -> None:
    with pytest.raises(Exception):  # noqa: B017, PT011 (whatever it is: API Gateway lets nobody in then)
        authorizer.gate(event, {})


def test_a_failed_fetch_keeps_the_keys(clock: Clock, published: Published) -> None:
    ask(f"Bearer {token_forge.token()}")
    published.reachable = False
    clock.advance(600)
    assert ask(f"Bearer {token_forge.token()}")["principalId"] == "usr_7"
    assert published.asked == 2


def test_without_any_keys_it_fails_shut_and_says_so(clock: Clock, published: Published) -> None:
    published.reachable = False
    for _ in range(3):
        with pytest.raises(KeysUnavailableError):
            ask(f"Bearer {token_forge.token()}")
    assert published.asked == 1


def test_a_flood_of_unknown_kids_makes_one_fetch_in_ten_seconds(clock: Clock, published: Published) -> None:
    ask(f"Bearer {token_forge.token()}")
    clock.advance(10)
    unknown = [token_forge.token({**token_forge.HEADER, "kid": f"unknown-{number}"}) for number in range(200)]
    for token in unknown:
        with pytest.raises(Exception, match=UNAUTHORIZED):
            ask(f"Bearer {token}")
    assert published.asked == 2
    clock.advance(10)
    with pytest.raises(Exception, match=UNAUTHORIZED):
        ask(f"Bearer {unknown[0]}")
    assert published.asked == 3


# ---- Other teams' APIs ----

OWN = AccessTable([access("GET", "/me")])
ORDERS = AccessTable([access("GET", "/orders", "comments:read"), access("DELETE", "/orders", "orders:write")])
THEIRS = ARN.replace("a1b2c3d4e5", "f6g7h8i9j0")
NOBODYS = ARN.replace("a1b2c3d4e5", "k1l2m3n4o5")


@pytest.fixture
def guarding(clock: Clock, published: Published, monkeypatch: pytest.MonkeyPatch) -> None:
    """The gate names two APIs: its own and another."""
    settings = Settings(issuer=token_forge.ISSUER, audience=token_forge.AUDIENCE)
    guarded = {"a1b2c3d4e5": OWN, "f6g7h8i9j0": ORDERS}
    monkeypatch.setattr(authorizer, "GATE", Gate(settings, OWN, published, clock, guarded))


def test_another_api_is_guarded_by_its_own_table_and_under_its_own_arn(guarding: None) -> None:
    (statement,) = ask(f"Bearer {token_forge.token()}", THEIRS)["policyDocument"]["Statement"]
    assert statement["Effect"] == "Allow"
    assert statement["Resource"] == [THEIRS.replace("/GET/me", "/GET/orders")]


def test_our_own_api_keeps_its_table(guarding: None) -> None:
    assert ask(f"Bearer {token_forge.token()}")["policyDocument"]["Statement"][0]["Resource"] == [ARN]


def test_an_api_that_is_not_named_is_unauthorized(guarding: None) -> None:
    with pytest.raises(Exception, match=UNAUTHORIZED):
        ask(f"Bearer {token_forge.token()}", NOBODYS)


# ---- The revocation feed ----


Reading = Callable[[Callable[[int], Revocations]], None]


@pytest.fixture
def reading(clock: Clock, published: Published, monkeypatch: pytest.MonkeyPatch) -> Reading:
    """Lets the gate ask what is given."""

    def read(revocations: Callable[[int], Revocations]) -> None:
        settings = Settings(issuer=token_forge.ISSUER, audience=token_forge.AUDIENCE)
        monkeypatch.setattr(authorizer, "GATE", Gate(settings, OWN, published, clock, None, revocations))

    return read


ENDINGS = {
    "session": ended("usr_7", "ses_1"),
    "token": ended("usr_7", "tok_1"),
    "key": Revocation(Kind.KEY, "ec", token_forge.NOW, FAR),
    "user": Revocation(Kind.USER, "usr_7", token_forge.NOW, FAR, epoch=1),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_what_the_feed_has_ended_is_unauthorized(reading: Reading, ending: str) -> None:
    reading(lambda _now: Revocations([ENDINGS[ending]]))
    with pytest.raises(Exception, match=UNAUTHORIZED):
        ask(f"Bearer {token_forge.token()}")


def test_what_the_feed_does_not_name_is_let_in(reading: Reading) -> None:
    reading(lambda _now: Revocations([ended("usr_7", "ses_2")]))
    assert ask(f"Bearer {token_forge.token()}")["principalId"] == "usr_7"


def test_the_feed_is_asked_each_time_and_for_now(reading: Reading, clock: Clock) -> None:
    asked: list[int] = []

    def revocations(now: int) -> Revocations:
        asked.append(now)
        return Revocations()

    reading(revocations)
    ask(f"Bearer {token_forge.token()}")
    clock.advance(7)
    ask(f"Bearer {token_forge.token()}")
    assert asked == [token_forge.NOW, token_forge.NOW + 7]


def test_a_feed_that_cannot_be_read_is_a_failure_and_no_refusal(reading: Reading) -> None:
    def revocations(_now: int) -> Revocations:
        raise StoreUnavailableError

    reading(revocations)
    with pytest.raises(StoreUnavailableError):
        ask(f"Bearer {token_forge.token()}")
