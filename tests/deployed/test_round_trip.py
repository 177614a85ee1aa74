"""A stack of its own, through its API Gateway address: sign-in, refresh, policy cache, rotation, logout."""

import json
import time
from collections.abc import Callable, Iterator

import pytest

from chalicelib import base64url
from chalicelib.authorizer import CACHE_SECONDS
from chalicelib.keys.ring import Purpose
from chalicelib.model import EndReason
from infra.emulated import deployed
from infra.emulated.deployed import Deployed
from infra.emulated.lambda_events import SCHEDULED
from tests.deployed.conftest import services_of, with_demo_data
from tests.support.callers import SignedIn
from tests.support.client import Client
from tests.support.patience import END

pytestmark = [pytest.mark.ministack, pytest.mark.xdist_group("deployed")]

REVOCATION_INTERVAL = 2  # seconds
LEAD = 60  # seconds: how long the rotation below publishes a key before it signs


@pytest.fixture(scope="module")
def stack() -> Iterator[Deployed]:
    """A stack whose API holds nothing back, and whose rotation finds the next key due at once."""
    with deployed.running(deployed.package()) as made:
        made.configure(
            "APIHandler", GATEHOUSE_JWKS_MAX_AGE="0", GATEHOUSE_REVOCATION_INTERVAL=f"{REVOCATION_INTERVAL}"
        )
        made.configure(
            "RotateKeys",
            GATEHOUSE_JWKS_MAX_AGE="0",
            GATEHOUSE_ACCESS_TOKEN_LIFETIME=f"{LEAD}",
            GATEHOUSE_KEY_ROTATION_PERIOD=f"{LEAD}",
        )
        yield made


@pytest.fixture(scope="module")
def client(stack: Deployed) -> Client:
    assert (
        len(stack.invoke("RotateKeys", SCHEDULED)) == 4
    )  # for access and refresh tokens: the first keys, and their standbys
    return with_demo_data(stack).client


@pytest.fixture
def decisions(stack: Deployed) -> Callable[[], int]:
    """Says how often the gate was asked until now."""
    logs, name = stack.client("logs"), stack.physical_ids["Gate"]
    configured = stack.client("lambda").get_function_configuration(FunctionName=name)
    group = configured["LoggingConfig"].get("LogGroup", f"/aws/lambda/{name}")

    def count() -> int:
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group)
        lines = [event["message"] for page in pages for event in page["events"]]
        return sum(line.startswith("START RequestId:") for line in lines)

    return count


def signed_in(client: Client) -> SignedIn:
    """A new session of demo, whose access token the gate has seen."""
    tokens = client.sign_in("demo").json
    session = SignedIn(client, tokens["access_token"], tokens["refresh_token"])
    assert session.get("/me").json["username"] == "demo"
    return session


def signed_by(access_token: str) -> str:
    """The key id of a token."""
    kid: str = json.loads(base64url.decode(access_token.partition(".")[0]))["kid"]
    return kid


def published(client: Client) -> list[str]:
    return [key["kid"] for key in client.send("GET", "/.well-known/jwks.json").json["keys"]]


def last_accepted(session: SignedIn) -> float:
    """How long after the call the access token was still sent with success, in seconds."""
    start, last = time.monotonic(), 0.0
    while time.monotonic() < start + END:
        sent = time.monotonic()
        reply = session.get("/me")
        if reply.status == 401:
            return last
        last = sent - start
    raise AssertionError("The access token never ended.")


def test_a_refreshed_token_opens_the_same_doors(client: Client) -> None:
    session = signed_in(client)
    tokens = session.refresh().json
    again = SignedIn(client, tokens["access_token"], tokens["refresh_token"])
    assert again.access_token != session.access_token
    assert again.get("/me").json == session.get("/me").json
    assert again.refresh().status == 200


def test_the_gate_decides_once_for_all_routes_of_a_token(client: Client, decisions: Callable[[], int]) -> None:
    session = signed_in(client)
    before = decisions()
    assert session.get("/comments").status == 200
    assert session.get("/me/sessions").status == 200
    assert (
        client.json("/comments", {"message": "hello"}, {"Authorization": f"Bearer {session.access_token}"}).status
        == 201
    )
    assert session.get("/comments/nothing").status == 404
    assert session.get("/comments/nothing/history").status == 403
    assert decisions() == before


def test_the_gate_is_asked_again_for_another_token(client: Client, decisions: Callable[[], int]) -> None:
    session = signed_in(client)
    before = decisions()
    tokens = session.refresh().json
    assert client.get("/me", tokens["access_token"]).status == 200
    assert decisions() == before + 1


def test_a_refusal_is_not_kept(client: Client, decisions: Callable[[], int]) -> None:
    """API Gateway keeps answers alone, and the gate's 401 is none."""
    before = decisions()
    assert [client.get("/me", "garbage").status for _ in range(2)] == [401, 401]
    assert decisions() == before + 2


def test_an_answer_is_kept_for_as_long_as_the_gate_says(stack: Deployed) -> None:
    (authorizer,) = stack.client("apigateway").get_authorizers(restApiId=stack.physical_ids["RestAPI"])["items"]
    assert authorizer["authorizerResultTtlInSeconds"] == CACHE_SECONDS


@pytest.fixture
def every_sweep(stack: Deployed) -> Iterator[None]:
    """Lets the rule fire at each sweep of ministack's scheduler (10 s), which knows a rate of nothing."""
    events, rule = stack.client("events"), stack.physical_ids["RotateKeysRotateKeysEvent"]
    hourly = events.describe_rule(Name=rule)["ScheduleExpression"]
    events.put_rule(Name=rule, ScheduleExpression="rate(0 minutes)")
    yield
    events.put_rule(Name=rule, ScheduleExpression=hourly)


def test_the_schedule_publishes_the_standby_that_is_missing(
    stack: Deployed, client: Client, every_sweep: None
) -> None:
    first = signed_by(signed_in(client).access_token)
    with services_of(stack) as elsewhere:
        keys = [entry for entry in elsewhere.key_store.load() if entry.purpose is Purpose.ACCESS_TOKEN]
        (standby,) = (entry for entry in keys if entry.kid != first)
        elsewhere.key_store.remove(standby)
    deadline = time.monotonic() + END
    while len(kids := published(client)) == 1 and time.monotonic() < deadline:
        time.sleep(0.2)
    assert len(kids) == 2
    assert first in kids
    assert standby.kid not in kids
    assert signed_by(signed_in(client).access_token) == first


def test_a_logout_ends_both_tokens_though_the_gate_said_yes(client: Client, decisions: Callable[[], int]) -> None:
    session, other = signed_in(client), signed_in(client)
    before = decisions()
    assert session.post("/logout").status == 204
    refused = session.get("/me")
    assert refused.status == 401
    assert 'error="invalid_token"' in str(refused.headers)
    assert session.refresh().status == 401
    assert other.lives()
    assert decisions() == before


def test_an_end_elsewhere_is_heard_within_the_interval(stack: Deployed, client: Client) -> None:
    session = signed_in(client)
    sub = session.get("/me").json["sub"]
    with services_of(stack) as elsewhere:
        elsewhere.sessions.end(sub, session.session_id, EndReason.REVOKED, elsewhere.now())
    assert session.refresh().status == 401
    # A second more, for NumericDates are whole.
    assert last_accepted(session) <= REVOCATION_INTERVAL + 1
