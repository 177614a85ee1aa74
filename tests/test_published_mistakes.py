"""Mistakes that others had to publish, each with a test by its name: sign-in, refresh, logout and the gate.

Those of verifying a JWT stand in test_verify.py; the race itself is run in races/.
"""

import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier
from typing import Any

import pytest
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from chalicelib import authorizer, base64url
from chalicelib.accounts import password
from chalicelib.errors import InvalidGrantError
from chalicelib.gate.decision import Gate
from chalicelib.keys.material import HmacKey
from chalicelib.model import User
from chalicelib.services import Services
from chalicelib.tokens import refresh_token
from infra.emulated.aws_calls import operations
from tests.conftest import new_user
from tests.support.aws_calls import failing, met, recorded
from tests.support.callers import serve, sign_in
from tests.support.client import Client, Clock, Reply, basic
from tests.support.patience import END
from tests.support.policy_evaluators import permits
from tests.support.token_requests import by_refresh_token

Contents = Callable[[], list[str]]

AT_ONCE = 8
LIFETIME = 900
API = "arn:aws:execute-api:us-east-1:123456789012:abcdefghij/api"
INVALID_TOKEN = 'Bearer realm="gatehouse", error="invalid_token"'


def claims(access_token: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(base64url.decode(access_token.split(".")[1]))
    return read


def generations(services: Services, text: str) -> tuple[int, int]:
    """Of the refresh token `text`, and of its session as it stands."""
    token = refresh_token.read(text, services.keys, services.now())
    session = services.session_store.get(token.sub, token.session_id)
    assert session is not None
    return token.generation, session.generation


# --- Refreshing


def test_refresh_redeemed_twice_at_once_cve_2026_53517(client: Client, services: Services, user: User) -> None:
    """One refresh token in several requests at once became several living tokens: the check and the write were
    two steps. Here all get the one successor."""
    token = sign_in(client, user).refresh_token
    ready = Barrier(AT_ONCE)

    def redeem(_: int) -> Reply:
        ready.wait(END)
        return client.refresh(token)

    with ThreadPoolExecutor(AT_ONCE) as threads:
        replies = list(threads.map(redeem, range(AT_ONCE)))
    assert {reply.status for reply in replies} == {200}
    (successor,) = {reply.json["refresh_token"] for reply in replies}
    assert generations(services, successor) == (1, 1)


def test_refresh_redeemed_twice_at_once_cve_2026_1035(client: Client, services: Services, user: User) -> None:
    """The second request came between the first one's check and its write, and the limit of one use was passed.
    Here nothing stands between: the check is the condition of the write."""
    token = sign_in(client, user).refresh_token
    between: list[Reply] = []
    with met("UpdateItem", lambda: between.append(client.refresh(token))):
        first = client.refresh(token)
    (second,) = between
    assert first.json["refresh_token"] == second.json["refresh_token"]
    assert generations(services, first.json["refresh_token"]) == (1, 1)


def test_refresh_not_bound_to_its_client(
    client: Client, services: Services, user: User, contents: Contents
) -> None:
    """A refresh token was good for any client that had got hold of it. Here another client gets nothing, and it
    cannot end the session either, by a token of any age."""
    first = sign_in(client, user).refresh_token
    second = client.refresh(first).json["refresh_token"]
    newest = client.refresh(second).json["refresh_token"]
    before = contents()
    for token in (first, second, newest):
        another = replace(services.first_party, client_id="another-client")
        with pytest.raises(InvalidGrantError):
            services.token_endpoint(by_refresh_token(services, token, client=another))
    assert contents() == before
    assert client.refresh(newest).status == 200


def test_empty_key_cve_2026_107720(client: Client, services: Services, user: User, contents: Contents) -> None:
    """An empty key was taken for a key, so that anyone could sign. Here a refresh token made with one opens
    nothing, whether it names a key of the ring or none."""
    token = sign_in(client, user).refresh_token
    read = refresh_token.read(token, services.keys, services.now())
    before = contents()
    for kid in (services.keys.hmac_key(services.now()).kid, "00000000"):
        forged = refresh_token.mint(read, HmacKey(kid, b""))
        assert client.refresh(forged).status == 401
    assert contents() == before


# --- Logging out


@pytest.mark.parametrize("target", ["/logout", "/logout?sessions=all", "/logout?sessions=others"])
def test_revocation_that_answers_200_when_the_store_failed_cve_2020_15223(
    client: Client, user: User, target: str
) -> None:
    """The store's error was swallowed: the client threw its token away, and whoever had a copy went on. Here it
    is told, and can try again."""
    mine, other = sign_in(client, user), sign_in(client, user)
    with failing("TransactWriteItems") as failed:
        reply = mine.post(target)
    assert failed
    assert (reply.status, "retry-after" in reply.headers, "set-cookie" in reply.headers) == (503, True, False)
    assert (mine.lives(), other.lives()) == (True, True)
    assert mine.post(target).status == 204
    assert (mine.lives(), other.lives()) == (target.endswith("others"), target.endswith("logout"))


# --- Signing in


@pytest.fixture
def nobodies(services: Services, user: User) -> dict[str, Mapping[str, str]]:
    """Credentials that are refused, each for its own reason."""
    disabled = new_user(services, disabled=True)
    return {
        "wrong password": basic(user.username, "not-the-password"),
        "no such user": basic("nobody-of-this-name", "demo-password"),
        "disabled": basic(disabled.username, "demo-password"),
        "disabled, wrong password": basic(disabled.username, "not-the-password"),
    }


def test_user_enumeration_by_message_cve_2021_21424(
    client: Client, nobodies: dict[str, Mapping[str, str]]
) -> None:
    """Another message, or another status, told which names have an account."""
    replies = [client.form("/tokens", credentials) for credentials in nobodies.values()]
    assert {reply.problem() for reply in replies} == {(401, "Invalid credentials.")}
    assert len({(reply.body, *sorted(reply.headers.items())) for reply in replies}) == 1


def test_user_enumeration_by_time_ghsa_2frx_j9hj_6c65(
    client: Client, nobodies: dict[str, Mapping[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name without an account was refused without hashing, which is many times faster. Here every refusal
    costs one verification of the same parameters and the same calls of the database."""
    hashed: list[list[str]] = []

    class Counting:
        @staticmethod
        def verify_phc_encoded(text: bytes, phc: str) -> None:
            hashed.append(phc.split("$")[1:4])
            Argon2id.verify_phc_encoded(text, phc)

    for credentials in nobodies.values():
        client.form("/tokens", credentials)  # what is done once is done, and every counter is open
    monkeypatch.setattr(password, "Argon2id", Counting)
    costs = []
    for credentials in nobodies.values():
        hashed.clear()
        with recorded() as calls:
            client.form("/tokens", credentials)
        assert len(hashed) == 1
        costs.append((hashed[0], operations(calls)))
    assert all(cost == costs[0] for cost in costs)


FORGED = {
    "Host": "evil.example",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Proto": "gopher",
    "X-Forwarded-Port": "6666",
    "X-Forwarded-Prefix": "/evil",
    "X-Original-Host": "evil.example",
    "Forwarded": "host=evil.example;proto=gopher",
}


@pytest.mark.parametrize("header", FORGED)
@pytest.mark.parametrize("setting", ["", "https://gatehouse.example"], ids=["of API Gateway", "of the setting"])
def test_issuer_taken_from_a_request_header(
    client: Client, services: Services, user: User, header: str, setting: str
) -> None:
    """Whoever sent the request chose the issuer in the tokens that were signed for it."""
    serve(services, issuer=setting)
    plain = claims(sign_in(client, user).access_token)
    reply = client.form("/tokens", {**basic(user.username, "demo-password"), header: FORGED[header]})
    forged = claims(reply.json["access_token"])
    assert (forged["iss"], forged["aud"]) == (plain["iss"], plain["aud"])
    assert forged["iss"] == setting or forged["iss"].endswith(".amazonaws.com/api")
    refreshed = client.form("/tokens/refresh", {header: FORGED[header]}, refresh_token=reply.json["refresh_token"])
    assert claims(refreshed.json["access_token"])["iss"] == plain["iss"]


# --- The gate


@pytest.fixture
def decisions(client: Client, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the gate was asked for: ARNs. What is not in here, the gateway answered from memory."""
    asked: list[str] = []
    decide = Gate.decide

    def remembered(self: Gate, authorization: str, method_arn: str) -> dict[str, Any]:
        asked.append(method_arn)
        return decide(self, authorization, method_arn)

    monkeypatch.setattr(Gate, "decide", remembered)
    return asked


ROUTES = {("GET", "/me"): 200, ("GET", "/comments"): 200, ("GET", "/comments/c1/history"): 403}


@pytest.mark.parametrize("first", ROUTES)
def test_an_authorizers_policy_that_covers_one_route(
    client: Client, user: User, decisions: list[str], first: tuple[str, str]
) -> None:
    """The policy was for the route that had been asked for; API Gateway used it for all, and the second route
    answered 403 to whom it should let in. Here one answer of the gate is right for every route."""
    session = sign_in(client, user)
    authorization = {"Authorization": f"Bearer {session.access_token}"}
    for route in (first, *ROUTES):
        assert client.send(*route, authorization).status == ROUTES[route]
    assert len(decisions) == 1


@pytest.mark.parametrize(
    "path", ["*", "comments/*", "comments/%2A/history", "me?x=*", "comments/../*", "${aws:x}"]
)
def test_an_authorizers_policy_that_takes_the_path_from_the_request(client: Client, user: User, path: str) -> None:
    """The path that was asked for stood in the policy, wildcards and all. Here nothing of it does."""
    authorization = f"Bearer {sign_in(client, user).access_token}"
    asked_plainly = authorizer.GATE.decide(authorization, f"{API}/GET/me")
    assert authorizer.GATE.decide(authorization, f"{API}/GET/{path}") == asked_plainly


@pytest.mark.parametrize(
    "route", ["GET/comments/c1/history", "GET/comments/c1/history/", "POST/comments/c1/flags"]
)
def test_an_authorizers_policy_that_lets_a_wildcard_run_across_slashes(
    client: Client, user: User, route: str
) -> None:
    """`/comments/*` was meant for one comment, and allowed all that is below it."""
    policy = authorizer.GATE.decide(f"Bearer {sign_in(client, user).access_token}", f"{API}/GET/me")[
        "policyDocument"
    ]
    assert permits(policy, f"{API}/GET/comments/c1")
    assert not permits(policy, f"{API}/{route}")


def test_a_verification_cache_that_outlives_exp_cve_2026_107719(
    client: Client, user: User, clock: Clock, decisions: list[str]
) -> None:
    """A token that had been verified once was good for as long as the cache kept it. Here API Gateway keeps the
    gate's answer past `exp`, and the API refuses."""
    session = sign_in(client, user)
    clock.advance(LIFETIME - 1)
    assert session.get("/me").status == 200
    clock.advance(1)
    reply = session.get("/me")
    assert len(decisions) == 1
    assert (reply.status, reply.headers["www-authenticate"]) == (401, INVALID_TOKEN)


def test_a_verification_cache_that_mixes_up_users_cve_2026_35039(
    client: Client, services: Services, user: User, decisions: list[str]
) -> None:
    """Two tokens had one place in the cache, and the second user was taken for the first."""
    users = [user, new_user(services), new_user(services)]
    sessions = [sign_in(client, each) for each in users]
    for _ in range(2):
        assert [session.get("/me").json["sub"] for session in sessions] == [each.sub for each in users]
    assert len(decisions) == len(users)
