"""A small app behind the local gateway, and what its answers are held against."""

import json
from dataclasses import dataclass, field
from threading import Barrier
from typing import Any

from chalice import Chalice, Response
from chalice.app import AuthRequest
from chalice.local import LocalARNBuilder

from infra.local.gateway import Answer, Gateway
from tests.support.patience import END

TTL = 60
THREADS = 16
API = LocalARNBuilder().build_arn("*", "/").removesuffix("*//")


def arn(method: str, path: str) -> str:
    return f"{API}{method}{path}"


def policy(*statements: tuple[str, str | list[str]]) -> dict[str, Any]:
    return {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": effect, "Action": "execute-api:Invoke", "Resource": resource}
            for effect, resource in statements
        ],
    }


ALL = policy(("Allow", f"{API}*"))


def allowing(document: Any = ALL, **context: Any) -> dict[str, Any]:
    return {"principalId": "somebody", "policyDocument": document, "context": context}


@dataclass
class World:
    """A small app behind a gateway: the authorizer gives `answer`, or raises it, and keeps what it was asked."""

    answer: Any = field(default_factory=allowing)
    asked: list[AuthRequest] = field(default_factory=list)
    now: float = 0.0
    everyone: Barrier = field(default_factory=lambda: Barrier(THREADS))

    def __post_init__(self) -> None:
        self.app = make_app(self)
        self.gateway = Gateway(self.app, lambda: self.now)

    def get(self, path: str, *headers: tuple[str, str], method: str = "GET", body: bytes = b"") -> Answer:
        return self.gateway.handle(method, path, headers, body, "192.0.2.7")

    def event(
        self, path: str, *headers: tuple[str, str], method: str = "GET", body: bytes = b""
    ) -> dict[str, Any]:
        answer = self.get(path, *headers, method=method, body=body)
        assert answer.status == 200, answer
        event: dict[str, Any] = json.loads(answer.body)
        return event

    def guarded(self, token: str = "abc", path: str = "/guarded", method: str = "GET") -> Answer:
        return self.get(path, ("Authorization", f"Bearer {token}"), method=method)


def make_app(world: World) -> Chalice:
    app = Chalice(app_name="small")
    media_types = ["application/json", "text/plain", "image/png"]

    @app.authorizer(name="gate", ttl_seconds=TTL)
    def gate(request: AuthRequest) -> Any:
        world.asked.append(request)
        if isinstance(world.answer, Exception):
            raise world.answer
        return world.answer

    def echo(**_: str) -> Any:
        assert app.current_request
        return app.current_request.to_original_event()

    def meet(**_: str) -> Any:
        world.everyone.wait(timeout=END)  # every thread's request is under way before any of them is read
        return echo()

    def two_cookies() -> Response:
        return Response(body="", status_code=204, headers={"Set-Cookie": ["a=1", "b=2"]})

    def picture() -> Response:
        return Response(body=b"\x89PNG", headers={"Content-Type": "image/png"})

    def problem() -> Response:
        return Response(
            body={"status": 401},
            status_code=401,
            headers={"Content-Type": "application/problem+json", "WWW-Authenticate": "Bearer"},
        )

    app.route("/", methods=["GET"])(echo)
    app.route("/open", methods=["GET", "POST"], content_types=media_types)(echo)
    app.route("/things/{thing_id}", methods=["GET"])(echo)
    app.route("/things/fixed", methods=["GET"])(echo)
    app.route("/cookies", methods=["GET"])(two_cookies)
    app.route("/picture", methods=["GET"])(picture)
    app.route("/problem", methods=["GET"])(problem)
    app.route("/pages", methods=["GET"], cors=True)(echo)
    app.route("/guarded", methods=["GET", "DELETE"], authorizer=gate)(echo)
    app.route("/guarded/{thing_id}", methods=["GET"], authorizer=gate)(echo)
    app.route("/meeting/{thing_id}", methods=["GET"], authorizer=gate)(meet)
    return app


def header(answer: Answer, name: str) -> str | None:
    return next((value for key, value in answer.headers if key.lower() == name.lower()), None)


def assert_problem(answer: Answer, status: int, detail: str) -> None:
    problem = json.loads(answer.body)
    assert (answer.status, problem["status"], problem["detail"]) == (status, status, detail)
    assert problem["type"] == "about:blank"
    assert header(answer, "Content-Type") == "application/problem+json"
    assert header(answer, "Access-Control-Allow-Origin") == "*"
    assert header(answer, "Cache-Control") == "no-store"


def assert_unauthorized(answer: Answer) -> None:
    assert_problem(answer, 401, "A valid access token is required.")
    assert header(answer, "WWW-Authenticate") == 'Bearer realm="gatehouse"'


def assert_denied(answer: Answer) -> None:
    assert_problem(answer, 403, "The access token does not allow this request.")
    assert header(answer, "WWW-Authenticate") == 'Bearer realm="gatehouse", error="insufficient_scope"'


def assert_nothing_here(answer: Answer) -> None:
    assert_problem(answer, 404, "There is nothing here.")
