"""The access table compiled to an IAM policy that says exactly the same.

Each allowed route is allowed as the resource that has `*` for its parameters. IAM's `*` crosses slashes, so
that resource reaches other routes too; what it reaches and must not is denied, and in IAM a Deny always wins:

- a star over a slash, unless an allowed route lies there (then only the routes there that are not allowed);
- a more literal sibling that is not allowed (`/comments/export` beside `/comments/{comment_id}`);
- a percent sign in a star that reaches what is not allowed: it could be decoded after the policy was asked;
- an empty segment, at the end or within: a star takes it, and a gateway may drop it and read another route.

What cannot be told apart in this way, for any set of scopes, is refused when the table is made.
A gateway that asks about the decoded path and routes the raw one is beyond any policy (`c1%2Fhistory` is then a
comment's id to one and its history to the other); the API function, which asks the table again, answers for that.
Sources: IAM User Guide, "Resource" (wildcards) and "Policy evaluation logic"; API Gateway Developer Guide,
"Output from an API Gateway Lambda authorizer" and "Control access for invoking an API" (resource format).
"""

import json
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple, TypedDict

from chalicelib.access_table import Access
from chalicelib.gate.arn_pattern import Segments, admits, glob, outranks, overlaps, parse, widened
from chalicelib.scope import Scope

METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})

# API Gateway takes at most 512 characters for a resource in a policy. Measured under a long prefix, with a stage
# name of 32 characters, so that a table does not fit in one account and fail in another.
MAX_RESOURCE_LENGTH = 512
_LONG_PREFIX = "arn:aws-us-gov:execute-api:us-gov-west-1:123456789012:a1b2c3d4e5/" + "s" * 32

# A slash at the end of METHOD/PATH (the root, METHOD/, has one slash less), and two in a row.
_SLASHES = ("/*/*/", "/*//*")

_REMEMBERED_POLICIES = 256

_ARN_PREFIX = re.compile(
    r"arn:(aws[a-z-]*):execute-api:([a-z0-9-]+):([0-9]{12}):([a-z0-9]+)/([A-Za-z0-9_-]{1,128})"
)


class InexactPolicyError(ValueError):
    """The access table is malformed, or no policy can say exactly what it says. Names the routes."""


class Statement(TypedDict):
    """One statement of a policy: a list of resources that are allowed, or denied."""

    Effect: str
    Action: str
    Resource: list[str]


class PolicyDocument(TypedDict):
    """An IAM policy as a Lambda authorizer returns it (`policyDocument`)."""

    Version: str
    Statement: list[Statement]


# Named tuples, where the rest of Gatehouse has frozen dataclasses: making the class takes a third of the time,
# and this module is on the gate's cold start.


class MethodArn(NamedTuple):
    """The fixed part of the ARN that API Gateway sends as `methodArn`, without the request's method and path."""

    partition: str
    region: str
    account_id: str
    api_id: str
    stage: str

    @classmethod
    def parse(cls, text: str) -> "MethodArn":
        """Reads `arn:aws:execute-api:REGION:ACCOUNT:API/STAGE/METHOD/PATH`. Raises `ValueError`."""
        match = _ARN_PREFIX.match(text)
        if match is None or not text.startswith("/", match.end()):
            raise ValueError("not the ARN of an API Gateway method")
        return cls(*match.groups())

    @property
    def prefix(self) -> str:
        """`arn:aws:execute-api:REGION:ACCOUNT:API/STAGE`, without a slash at the end."""
        return f"arn:{self.partition}:execute-api:{self.region}:{self.account_id}:{self.api_id}/{self.stage}"


class _Route(NamedTuple):
    """One entry, its path taken apart, and the more literal siblings that are served before it."""

    access: Access
    segments: Segments
    siblings: tuple[Segments, ...] = ()

    def __str__(self) -> str:
        return f"{self.access.method} {self.access.path}"

    def resource(self, path: str) -> str:
        """An IAM resource with the method of this route, without the prefix."""
        return f"/{self.access.method}{path}"

    def reads(self, pattern: Segments) -> list[Segments]:
        """What `pattern` matches of the paths that this route serves and no sibling does."""
        return [
            path
            for path in overlaps(pattern, self.segments)
            if not any(admits(sibling, path) for sibling in self.siblings)
        ]

    def scopes(self) -> list[Scope]:
        """The smallest sets of scopes that open this route."""
        needed = self.access.all_of
        return [needed | {word} for word in self.access.any_of] or [needed]


class _Plan(NamedTuple):
    """What allowing one route takes: its resource, and what its stars reach. Routes go by their index."""

    allow: str
    crossing: tuple[str, ...]  # a star over a slash
    encoded: tuple[str, ...]  # a percent sign in a star
    reached: frozenset[int]  # the routes that its stars reach
    longer: frozenset[int]  # those of `reached` that lie across a slash
    common: dict[int, tuple[str, ...]]  # what it has in common with each of `reached`


class AccessTable:
    """The entries of an access table, checked once, and the exact policy for every set of scopes."""

    __slots__ = ("_needs", "_plans", "_policy")

    def __init__(self, entries: Iterable[Access], *, max_policy_bytes: int = 64_000) -> None:
        """Raises `InexactPolicyError`, which names the routes, where `entries` cannot be written exactly."""
        routes = _routes(entries)
        self._plans = [_plan(route, routes) for route in routes]
        # Few entries differ in what they need, so a set of scopes is asked about once for each need.
        self._needs: dict[tuple[Scope, Scope], tuple[Access, set[int]]] = {}
        for index, route in enumerate(routes):
            need = (route.access.any_of, route.access.all_of)
            self._needs.setdefault(need, (route.access, set()))[1].add(index)
        self._policy = lru_cache(_REMEMBERED_POLICIES)(self._compile)
        self._refuse_oversized(max_policy_bytes)

    def policy(self, arn_prefix: str, scope: Scope) -> PolicyDocument:
        """The policy for a token with `scope` under `MethodArn.prefix`, a new object each time.

        Equal arguments give equal policies, in the same order. Raises `ValueError` for any other prefix.
        """
        allow, deny = self._policy(arn_prefix, scope)
        statements = [_statement("Allow", allow)] if allow else []
        if deny:
            statements.append(_statement("Deny", deny))
        return {"Version": "2012-10-17", "Statement": statements}

    def _compile(self, arn_prefix: str, scope: Scope) -> tuple[list[str], list[str]]:
        """The resources to allow and those to deny."""
        if not _ARN_PREFIX.fullmatch(arn_prefix):
            raise ValueError("not the fixed part of an API Gateway method's ARN")
        allowed: set[int] = set()
        for access, indexes in self._needs.values():
            if access.allows(scope):
                allowed |= indexes
        plans = [plan for index, plan in enumerate(self._plans) if index in allowed]
        if not plans:
            return [], [f"{arn_prefix}/*"]
        return [arn_prefix + plan.allow for plan in plans], [arn_prefix + path for path in _denied(plans, allowed)]

    def _refuse_oversized(self, max_policy_bytes: int) -> None:
        """Measures the policy for every scope that the table names, and for all of them but one."""
        words = frozenset().union(*(any_of | all_of for any_of, all_of in self._needs))
        for scope in (words, *(words - {word} for word in words)):
            size = len(json.dumps(self.policy(_LONG_PREFIX, scope)))
            if size > max_policy_bytes:
                raise InexactPolicyError(
                    f"the policy for {sorted(scope)} takes {size} bytes of at most {max_policy_bytes}"
                )
        self._policy.cache_clear()


def _statement(effect: str, resources: list[str]) -> Statement:
    return {"Effect": effect, "Action": "execute-api:Invoke", "Resource": resources.copy()}


def _denied(plans: list[_Plan], allowed: set[int]) -> list[str]:
    """What has to be denied, without the prefix, where `plans` are the plans of the routes in `allowed`."""
    denied: list[str] = []
    for plan in plans:
        if not plan.reached:
            denied += plan.crossing
            continue
        beyond = plan.reached - allowed
        if beyond:
            denied += plan.encoded
        if plan.longer.isdisjoint(allowed):
            denied += plan.crossing
            beyond -= plan.longer
        for index in beyond:
            denied += plan.common[index]
    if any(plan.crossing for plan in plans):
        denied += _SLASHES
    return list(dict.fromkeys(denied))  # two routes can reach a third by the same paths


def _routes(entries: Iterable[Access]) -> list[_Route]:
    """The entries in the order of their resources, each with its siblings. Raises `InexactPolicyError`."""
    routes: dict[tuple[str, Segments], _Route] = {}
    for access in entries:
        route = _route(access)
        twin = routes.setdefault((access.method, route.segments), route)
        if twin is not route:
            raise InexactPolicyError(f"{twin} and {route} are the same route")
    ordered = sorted(routes.values(), key=lambda route: route.resource(glob(route.segments)))
    return [route._replace(siblings=_siblings(route, ordered)) for route in ordered]


def _siblings(route: _Route, routes: list[_Route]) -> tuple[Segments, ...]:
    return tuple(
        other.segments
        for other in routes
        if other.access.method == route.access.method and outranks(other.segments, route.segments)
    )


def _route(access: Access) -> _Route:
    if access.method not in METHODS:
        raise InexactPolicyError(f"{access.method} {access.path}: no such method")
    try:
        route = _Route(access, parse(access.path))
    except ValueError as error:
        raise InexactPolicyError(f"{access.method} {access.path}: {error}") from error
    longest = _LONG_PREFIX + route.resource(glob(route.segments))
    if len(longest) + len("*/*") - len("*") > MAX_RESOURCE_LENGTH:
        raise InexactPolicyError(f"{route}: more than {MAX_RESOURCE_LENGTH} characters as a resource")
    return route


def _plan(route: _Route, routes: list[_Route]) -> _Plan:
    """The plan for `route` among `routes`. Raises `InexactPolicyError` where there is none."""
    near = _near(route, routes)
    reads = {index: other.reads(route.segments) for index, other in near.items()}
    common = {index: paths for index, paths in reads.items() if paths}
    for index, paths in common.items():
        _refuse_inexact(route, routes[index], paths, [near[other] for other in common if other != index])
    return _Plan(
        allow=route.resource(glob(route.segments)),
        crossing=tuple(map(route.resource, widened(route.segments, "*/*"))),
        encoded=tuple(map(route.resource, widened(route.segments, "*%*"))),
        reached=frozenset(common),
        longer=frozenset(index for index in common if len(near[index].segments) > len(route.segments)),
        common={index: tuple(route.resource(glob(path)) for path in paths) for index, paths in common.items()},
    )


def _near(route: _Route, routes: list[_Route]) -> dict[int, _Route]:
    """The other routes of the same method, by index, if `route` has a star to reach them with."""
    if None not in route.segments:
        return {}
    return {
        index: other
        for index, other in enumerate(routes)
        if other is not route and other.access.method == route.access.method
    }


def _refuse_inexact(route: _Route, denied: _Route, paths: list[Segments], others: list[_Route]) -> None:
    """Raises where denying `paths`, which `route` reaches of `denied`, takes a path from one of `others`.

    A path that such a resource takes is one that `route` reaches too, so no routes but `others` can lose one.
    """
    for other in others:
        if not any(other.reads(path) for path in paths):
            continue
        for scope in (first | second for first in route.scopes() for second in other.scopes()):
            if not denied.access.allows(scope):
                raise InexactPolicyError(
                    f"{other} and {denied} cannot be told apart where {route} is allowed: "
                    f"with {sorted(scope)}, what denies the second denies paths of the first"
                )
