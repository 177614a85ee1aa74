"""The access table as IAM policies that say exactly what it says.

`whole_api` writes one policy for all routes of an API, `by_route` one for the route that was asked for, where no
policy for the whole API tells its routes apart. What both deny besides: an empty segment, at the end or within. A
star takes it, and a gateway may drop it and read another route.

A dot segment is a value like any other: to API Gateway it is one, and clients remove it before they send a path
(RFC 3986 §5.2.4). Whoever forwards a value in a path of its own has to encode it.

A gateway that asks about the decoded path and routes the raw one is beyond any policy (`c1%2Fhistory` is then a
comment's id to one and its history to the other); the API function, which asks the table again, answers for that.
Sources: IAM User Guide, "Resource" (wildcards) and "Policy evaluation logic"; API Gateway Developer Guide,
"Output from an API Gateway Lambda authorizer" and "Control access for invoking an API" (resource format).
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple, TypedDict

from chalicelib.access_table import Access
from chalicelib.gate.routes import InexactPolicyError, Routes
from chalicelib.gate.whole_api import WholeApi, message
from chalicelib.scope import Scope

if TYPE_CHECKING:
    from chalicelib.gate.by_route import Asked

# API Gateway takes at most 512 characters for a resource in a policy. Measured under a long prefix, with a stage
# name of 32 characters, so that a table does not fit in one account and fail in another.
MAX_RESOURCE_LENGTH = 512
MAX_POLICY_BYTES = 64_000
LONG_PREFIX = "arn:aws-us-gov:execute-api:us-gov-west-1:123456789012:a1b2c3d4e5/" + "s" * 32

# The prefix, and what stands in a star's place.
_ROOM = len(LONG_PREFIX) + len("*/*")

# A slash at the end of METHOD/PATH (the root, METHOD/, has one slash less), and two in a row.
_SLASHES = ("/*/*/", "/*//*")

# What a resource takes in the JSON of a policy beside its path: the prefix, quotes, a comma and a space.
_EACH = len(LONG_PREFIX) + len('"", ')
# The bytes of a policy's JSON, with an Allow and a Deny but without their resources.
_WITHOUT_RESOURCES = 177

_REMEMBERED_POLICIES = 256

# An HTTP API may have the stage `$default`.
_ARN_PREFIX = re.compile(
    r"arn:(aws[a-z-]*):execute-api:([a-z0-9-]+):([0-9]{12}):([a-z0-9]+)/([A-Za-z0-9_-]{1,128}|\$default)"
)


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


class AccessTable:
    """The rows of an access table, checked once, and the exact policies for every set of scopes.

    `cause` is why there is no policy for the whole API, and one by route then: what the two are, says the module.
    """

    __slots__ = ("_asked", "_by_route", "_needs", "_policy", "cause", "routes", "whole")

    def __init__(self, rows: Iterable[Access], *, max_policy_bytes: int = MAX_POLICY_BYTES) -> None:
        """Raises `InexactPolicyError`, which names the routes, for rows that cannot be guarded in either way."""
        self.routes = Routes(rows)
        self.whole = WholeApi(self.routes)
        # Few routes differ in what they need, so a set of scopes is asked about once for each need.
        self._needs: dict[tuple[Scope, Scope], tuple[Access, set[int]]] = {}
        for index, route in enumerate(self.routes.all):
            need = (route.access.any_of, route.access.all_of)
            self._needs.setdefault(need, (route.access, set()))[1].add(index)
        self._policy = lru_cache(_REMEMBERED_POLICIES)(self._compile)
        self._by_route = lru_cache(_REMEMBERED_POLICIES)(self._compile_route)
        self._asked: Asked | None = None
        conflict = next(self.whole.conflicts(), None)
        self.cause = None if conflict is None else message(conflict)
        self._check_sizes(max_policy_bytes)

    def answer(self, arn_prefix: str, scope: Scope, asked: str, resource: str | None = None) -> PolicyDocument:
        """The policy for a token with `scope`, under `MethodArn.prefix`, a new object each time.

        `asked` is the rest of the method's ARN, `/GET/orders/1`, and `resource` what API Gateway matched, where it
        says that. Equal arguments give equal policies, in the same order. Raises `ValueError` for another prefix.
        """
        if self.cause is None:
            return self.policy(arn_prefix, scope)
        return self.policy_by_route(arn_prefix, scope, asked, resource)

    def policy(self, arn_prefix: str, scope: Scope) -> PolicyDocument:
        """The policy for the whole API. Where there is a `cause`, it is as sound as ever, but some route that
        `scope` allows is not reached."""
        return _document(*self._policy(arn_prefix, scope))

    def policy_by_route(
        self, arn_prefix: str, scope: Scope, asked: str, resource: str | None = None
    ) -> PolicyDocument:
        """The policy for the one route that is asked for."""
        if self._asked is None:
            from chalicelib.gate.by_route import Asked  # here, so that a gate without such an API starts as fast

            self._asked = Asked(self.routes)
        _, method, *path = asked.split("/", 2)
        index = self._asked.find(method, "/".join(path), resource)
        if index is None or not self.routes.all[index].access.allows(scope):
            return _document([], [f"{_checked(arn_prefix)}/*"])
        return _document(*self._by_route(arn_prefix, index))

    def reserved_words(self) -> set[str]:
        """The literals of the API's own paths that an id may not be everywhere: 403 may answer it."""
        if self.cause is None:
            return self.whole.reserved_words()
        from chalicelib.gate.by_route import reserved_words

        return reserved_words(self.routes)

    def allowed(self, scope: Scope) -> set[int]:
        """The indexes of the routes that a token with `scope` may use."""
        allowed: set[int] = set()
        for access, indexes in self._needs.values():
            if access.allows(scope):
                allowed |= indexes
        return allowed

    def _compile(self, arn_prefix: str, scope: Scope) -> tuple[list[str], list[str]]:
        """The resources to allow and those to deny."""
        allowed = self.allowed(scope)
        if not allowed:
            return [], [f"{_checked(arn_prefix)}/*"]
        denied = self.whole.denied(allowed)
        if any(self.routes.all[index].has_stars for index in allowed):
            denied += _SLASHES
        return _under(arn_prefix, [self.routes.all[index].allow for index in sorted(allowed)], denied)

    def _compile_route(self, arn_prefix: str, index: int) -> tuple[list[str], list[str]]:
        from chalicelib.gate.by_route import resources

        allow, denied = resources(self.routes, index)
        if self.routes.all[index].has_stars:
            denied += _SLASHES
        return _under(arn_prefix, [allow], denied)

    def _check_sizes(self, max_policy_bytes: int) -> None:
        longest = max([len(route.allow) for route in self.routes.all], default=0)
        if 2 * longest + _ROOM > MAX_RESOURCE_LENGTH:
            self._refuse_long_resources()
        if self.cause is None:
            size = self.size()
            if size > max_policy_bytes:
                self.cause = f"a policy for the whole API may take {size} bytes of at most {max_policy_bytes}"

    def size(self) -> int:
        """What a policy for the whole API takes at most, in bytes of JSON, whatever the scopes."""
        return self.whole.most(_EACH) + self.size_of([])

    def size_of(self, resources: list[str]) -> int:
        """What a policy of `resources`, without the prefix, takes in bytes of JSON, at most."""
        return _WITHOUT_RESOURCES + sum([len(path) + _EACH for path in (*_SLASHES, *resources)])

    def _refuse_long_resources(self) -> None:
        from chalicelib.gate.by_route import resources

        for index, route in enumerate(self.routes.all):
            allow, deny = resources(self.routes, index)
            longest = max(map(len, (allow, *deny, *self.whole.denied_for(index))))
            if longest + len(LONG_PREFIX) > MAX_RESOURCE_LENGTH:
                raise InexactPolicyError(f"{route}: more than {MAX_RESOURCE_LENGTH} characters as a resource")


def _checked(arn_prefix: str) -> str:
    if not _ARN_PREFIX.fullmatch(arn_prefix):
        raise ValueError("not the fixed part of an API Gateway method's ARN")
    return arn_prefix


def _under(arn_prefix: str, allow: list[str], deny: list[str]) -> tuple[list[str], list[str]]:
    prefix = _checked(arn_prefix)
    return [prefix + path for path in allow], [prefix + path for path in deny]


def _document(allow: list[str], deny: list[str]) -> PolicyDocument:
    statements = [_statement("Allow", allow)] if allow else []
    if deny:
        statements.append(_statement("Deny", deny))
    return {"Version": "2012-10-17", "Statement": statements}


def _statement(effect: str, resources: list[str]) -> Statement:
    return {"Effect": effect, "Action": "execute-api:Invoke", "Resource": resources.copy()}
