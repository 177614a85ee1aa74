"""The local gateway asks authorizers, keeps their answers and reads their policies as API Gateway does."""

import json
from typing import Any

import pytest

from infra.local import authorization
from tests.infra.local.world import (
    API,
    TTL,
    World,
    allowing,
    arn,
    assert_denied,
    assert_problem,
    assert_unauthorized,
    header,
    policy,
)

# ---- Whether the authorizer is asked ----


def test_a_route_without_authorizer_needs_none(world: World) -> None:
    assert "authorizer" not in world.event("/open")["requestContext"]
    assert world.asked == []


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("Authorization", "")],
        [("Authorization", "Bearer")],
        [("Authorization", "Bearer ")],
        [("Authorization", "Basic ZGVtbzpkZW1v")],
        [("Authorization", "abc")],
        [("Authorization", "Bearer abc def")],
        [("Authorization", "Bearer abc\n")],
        [("Authorization", "Bearer äbc")],
        [("Authorization", "Bearer " + "a" * 8193)],
        [("Authorization", "Bearer abc"), ("authorization", "Bearer abc")],
        [("X-Authorization", "Bearer abc")],
    ],
)
def test_what_is_no_bearer_token_never_reaches_the_authorizer(
    world: World, headers: list[tuple[str, str]]
) -> None:
    assert_unauthorized(world.get("/guarded", *headers))
    assert world.asked == []


@pytest.mark.parametrize("text", ["Bearer abc", "bearer abc", "BEARER  a.b_c-d~e+f/g==", "Bearer " + "a" * 8192])
def test_a_bearer_token_reaches_the_authorizer_as_it_was_sent(world: World, text: str) -> None:
    assert world.get("/guarded", ("aUTHORIZATION", text)).status == 200
    assert [(request.auth_type, request.token) for request in world.asked] == [("TOKEN", text)]


def test_the_authorizer_gets_the_arn_of_the_request_as_sent_without_its_query(world: World) -> None:
    world.guarded(path="/guarded/a%2Fb/?secret=1")
    assert world.asked[0].method_arn == arn("GET", "/guarded/a%2Fb/")


# ---- What the authorizer answers ----


def test_exactly_unauthorized_is_401(world: World) -> None:
    world.answer = Exception("Unauthorized")
    assert_unauthorized(world.guarded())


@pytest.mark.parametrize(
    "error", [Exception("unauthorized"), Exception("Unauthorized "), ValueError("x"), KeyError(1)]
)
def test_any_other_failure_is_the_authorizers(world: World, error: Exception) -> None:
    world.answer = error
    answer = world.guarded()
    assert_problem(answer, 503, "The service is briefly unavailable. Please try again.")
    assert header(answer, "Retry-After") == "1"


def test_an_answer_that_is_not_json_is_a_failure_of_the_authorizer(world: World) -> None:
    world.answer = {**allowing(), "context": {"when": object()}}
    assert world.guarded().status == 503


def without(key: str) -> dict[str, Any]:
    return {name: value for name, value in allowing().items() if name != key}


@pytest.mark.parametrize(
    "answer",
    [
        None,
        [],
        "Allow",
        {},
        without("principalId"),
        without("policyDocument"),
        {**allowing(), "principalId": None},
        {**allowing(), "principalId": ""},
        {**allowing(), "context": []},
        allowing(None),
        allowing({}),
        allowing("Allow"),
        allowing({"Statement": None}),
        allowing({"Statement": ["Allow"]}),
        allowing(policy(("allow", f"{API}*"))),
        allowing(policy(("Allow", []))),
        allowing({"Statement": [{"Effect": "Allow", "Action": "execute-api:Invoke"}]}),
        allowing({"Statement": [{"Effect": "Allow", "Resource": "*"}]}),
        allowing({"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {}}]}),
        allowing({"Statement": [{"Effect": "Allow", "Action": "*", "NotResource": "*"}]}),
        allowing(policy(("Allow", f"{API}*"), ("Deny", "x" * (authorization.MAX_RESOURCE_LENGTH + 1)))),
        allowing(scopes=["a"]),
        allowing(claims={"a": 1}),
        allowing(session=None),
    ],
)
def test_a_malformed_answer_is_a_misconfigured_authorizer(world: World, answer: Any) -> None:
    world.answer = answer
    assert_problem(world.guarded(), 500, "The request could not be completed.")


@pytest.mark.parametrize(
    ("value", "text"), [("a", "a"), (True, "true"), (False, "false"), (7, "7"), (1.5, "1.5"), ("ä", "ä"), ("", "")]
)
def test_context_scalars_arrive_as_strings(world: World, value: Any, text: str) -> None:
    world.answer = allowing(value=value)
    context = json.loads(world.guarded().body)["requestContext"]["authorizer"]
    assert context == {"value": text, "principalId": "somebody", "integrationLatency": 0}


# ---- The policy ----


@pytest.mark.parametrize(
    ("document", "allowed"),
    [
        (policy(("Allow", arn("GET", "/guarded"))), True),
        (policy(("Allow", [arn("GET", "/other"), arn("GET", "/guarded")])), True),
        ({"Statement": {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": "*"}}, True),
        ({"Statement": [{"Effect": "Allow", "Action": ["s3:*", "EXECUTE-API:invoke"], "Resource": "*"}]}, True),
        ({"Statement": [{"Effect": "Allow", "Action": "execute-api:*", "Resource": "*"}]}, True),
        ({"Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}, False),
        (policy(("Allow", f"{API}*/guarded")), True),
        (policy(("Allow", f"{API}GET/guard??")), True),
        (policy(("Allow", f"{API}GET/guard???")), False),
        (policy(("Allow", f"{API}GET/guarde")), False),
        (policy(("Allow", f"{API}GET/guarded/")), False),
        (policy(("Allow", f"{API}GET/GUARDED")), False),
        (policy(("Allow", f"{API}GET/.uarded")), False),
        (policy(("Allow", arn("POST", "/guarded"))), False),
        (policy(), False),
        (policy(("Deny", f"{API}*")), False),
        (policy(("Allow", f"{API}*"), ("Deny", arn("GET", "/guarded"))), False),
        (policy(("Deny", arn("GET", "/guarded")), ("Allow", f"{API}*")), False),
        (policy(("Allow", f"{API}*"), ("Deny", arn("GET", "/other"))), True),
    ],
)
def test_the_policy_is_read_as_iam_reads_it(world: World, document: Any, allowed: bool) -> None:
    world.answer = allowing(document)
    answer = world.guarded()
    if allowed:
        assert answer.status == 200
    else:
        assert_denied(answer)


def test_a_wildcard_runs_across_slashes(world: World) -> None:
    world.answer = allowing(policy(("Allow", f"{API}GET/g*")))
    assert world.guarded(path="/guarded/a").status == 200


# ---- The cache ----


def test_an_answer_is_kept_for_the_authorizers_time_and_no_longer(world: World) -> None:
    for now, calls in ((0.0, 1), (TTL - 0.1, 1), (float(TTL), 2)):
        world.now = now
        world.guarded()
        assert len(world.asked) == calls


def test_a_kept_answer_is_read_again_for_each_route(world: World) -> None:
    world.answer = allowing(policy(("Allow", arn("GET", "/guarded"))))
    assert world.guarded().status == 200
    assert_denied(world.guarded(method="DELETE"))
    assert_denied(world.guarded(path="/guarded/a"))
    assert len(world.asked) == 1


def test_each_token_has_its_own_answer(world: World) -> None:
    world.guarded("one")
    world.answer = allowing(policy(("Deny", "*")))
    assert_denied(world.guarded("two"))
    assert world.guarded("one").status == 200


def test_a_401_is_not_kept(world: World) -> None:
    world.answer = Exception("Unauthorized")
    world.guarded()
    world.answer = allowing()
    assert world.guarded().status == 200


def test_what_the_authorizer_does_with_its_answer_later_changes_nothing(world: World) -> None:
    world.answer = allowing(policy(("Deny", "*")))
    world.guarded()
    world.answer["policyDocument"]["Statement"][0]["Effect"] = "Allow"
    assert_denied(world.guarded())
