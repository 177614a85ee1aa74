"""No secret in any output: all of them are known here, everything goes wrong, and all output is searched."""

import base64
import dataclasses
import io
import logging
import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from app import app
from chalicelib.errors import StoreUnavailableError
from chalicelib.keys.cache import KeyCache
from chalicelib.keys.material import NewKey
from chalicelib.keys.ring import Purpose
from chalicelib.keys.rotation import KeyRotation, RotationPolicy
from chalicelib.services import Services, install
from chalicelib.stores.keys import KeyRingStore, Sealer
from chalicelib.stores.revocations import RevocationStore
from chalicelib.stores.sessions import SessionStore
from chalicelib.stores.users import UserStore
from tests.conftest import new_user
from tests.support.aws_calls import failing
from tests.support.callers import container
from tests.support.client import Client, Clock
from tests.support.searched import (
    HOLDS_A_SECRET,
    NEW_PASSWORD,
    PASSWORD,
    WRONG_PASSWORD,
    Searched,
    dataclasses_of_the_house,
    forms,
    keys_of,
)


class Whole(logging.Formatter):
    """The line, and every field that a formatter of JSON would write beside it."""

    def format(self, record: logging.LogRecord) -> str:
        return f"{super().format(record)} {vars(record)}"


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """All that is logged, with every logger of this service at its most talkative."""
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    handler.setFormatter(Whole())
    root, quiet = logging.getLogger(), ("botocore", "boto3", "urllib3", "werkzeug", "moto")
    for logger in (root, app.log, logging.getLogger("gatehouse"), logging.getLogger("chalicelib")):
        monkeypatch.setattr(logger, "level", logging.DEBUG)
        monkeypatch.setattr(logger, "disabled", False)  # which a tool that configures logging does to others
    for name in quiet:
        monkeypatch.setattr(logging.getLogger(name), "level", logging.WARNING)
    monkeypatch.setattr(app.log, "propagate", True)
    forget_levels()
    root.addHandler(handler)
    yield text
    root.removeHandler(handler)
    forget_levels()


def forget_levels() -> None:
    """Loggers remember what they are enabled for."""
    logging.getLogger().setLevel(logging.getLogger().level)


@pytest.fixture
def searched(
    services: Services, client: Client, clock: Clock, log: io.StringIO, capfd: pytest.CaptureFixture[str]
) -> Iterator[Searched]:
    """All is searched at the end."""
    made = Searched(services, client, new_user(services, password=PASSWORD), clock)
    made.secrets |= {"a password": PASSWORD, "a wrong password": WRONG_PASSWORD, "a new password": NEW_PASSWORD}
    made.know("a password's hash", made.user.password_hash)
    made.secrets |= keys_of(services)
    yield made
    made.output += [log.getvalue(), *capfd.readouterr()]
    assert made.leaks() == set()


# --- The search itself


@pytest.mark.parametrize("shown", ["{0}", "user {0}", "b'{0}'"])
def test_the_search_finds_every_secret_in_every_form(searched: Searched, shown: str) -> None:
    searched.call("GET", "/me", searched.sign_in().json["access_token"])
    assert len(searched.secrets) > 12
    for name, secret in searched.secrets.items():
        for form in forms(secret):
            searched.output = [shown.format(form)]
            assert name in searched.leaks()
    searched.output = []


def test_the_search_finds_a_secret_inside_something_encoded(searched: Searched) -> None:
    for before in range(3):
        searched.output = [
            base64.b64encode(b"x" * before + PASSWORD.encode() + b" and more, to make it long").decode()
        ]
        assert "a password" in searched.leaks()
    searched.output = []


def test_the_logs_are_searched(searched: Searched, log: io.StringIO) -> None:
    app.log.debug("talkative %s", searched.user.username)
    logging.getLogger("chalicelib.anything").debug("as well")
    assert f"talkative {searched.user.username}" in log.getvalue()
    assert "as well" in log.getvalue()


# --- Refusals


def test_what_is_wrong_is_not_repeated(searched: Searched) -> None:
    good = searched.sign_in().json
    assert searched.sign_in(WRONG_PASSWORD).status == 401
    assert searched.client.form("/tokens", {"Authorization": "Basic " + WRONG_PASSWORD}).status == 401
    token, refresh_token = good["access_token"], good["refresh_token"]
    header, payload, signature = token.split(".")
    for bad in (token[:-4], f"{header}.{payload}.", f"{header}.{signature}.{payload}", token + "A", refresh_token):
        assert searched.call("GET", "/me", bad).status == 401
    for bad in (refresh_token[:-4], refresh_token[:40] + "AAAA" + refresh_token[44:], token, refresh_token + "A"):
        assert searched.refresh(bad).status == 401
    fields = {"current_password": WRONG_PASSWORD, "new_password": NEW_PASSWORD}
    assert searched.call("PUT", "/me/password", token, fields).status == 400
    assert searched.call("GET", "/nowhere", token).status in (403, 404)


def test_malformed_bodies_are_not_repeated(searched: Searched) -> None:
    json, form = {"Content-Type": "application/json"}, {"Content-Type": "application/x-www-form-urlencoded"}
    token = searched.sign_in().json["refresh_token"]
    bodies = [
        (json, f'{{"refresh_token": "{token}", "refresh_token": "{token}"}}'),
        (json, f'{{"refresh_token": ["{token}"]}}'),
        (json, f'{{"refresh_token": "{token}"'),
        (form, f"refresh_token={token}&refresh_token={token}"),
        (form, f"refresh_token={token}&%"),
        ({"Content-Type": "text/html"}, token),
        (json, f'{{"username": "x", "email": "x@example.com", "password": ["{PASSWORD}"]}}'),
        (json, f'{{"username": "x\\u0000", "email": "x@example.com", "password": "{NEW_PASSWORD}"}}'),
    ]
    for headers, body in bodies:
        for target in ("/tokens/refresh", "/users", "/tokens"):
            reply = searched.client.send("POST", target, headers, body)
            assert reply.status >= 400
            searched.output.append(reply.body.decode())


def test_an_expired_and_an_ended_token_are_not_repeated(searched: Searched) -> None:
    first, second = searched.sign_in().json, searched.sign_in().json
    assert searched.call("POST", "/logout", first["access_token"]).status == 204
    assert searched.call("GET", "/me", first["access_token"]).status == 401
    assert searched.refresh(first["refresh_token"]).status == 401
    searched.clock.advance(searched.services.settings.session_idle_lifetime)
    assert searched.call("GET", "/me", second["access_token"]).status == 401
    assert searched.refresh(second["refresh_token"]).status == 401


# --- Audit events


def test_events_hold_no_secret(searched: Searched, log: io.StringIO) -> None:
    install(container(searched.services, sign_in_failures_of_username=2))
    first = searched.sign_in().json["refresh_token"]
    second = searched.refresh(first).json["refresh_token"]
    searched.refresh(second)
    searched.clock.advance(120)
    assert searched.refresh(first).status == 401
    for _ in range(2):
        assert searched.sign_in(WRONG_PASSWORD).status == 401
    assert "refresh_token_reused" in log.getvalue()
    assert "sign_in_failures_piled_up" in log.getvalue()


# --- Failures that are expected, and those that are not


@pytest.mark.parametrize(
    "operation", ["BatchGetItem", "PutItem", "UpdateItem", "Query", "TransactWriteItems", "GetItem"]
)
def test_a_failing_table_says_nothing_of_what_it_was_given(searched: Searched, operation: str) -> None:
    tokens = searched.sign_in().json
    install(container(searched.services))
    with failing(operation):
        do_everything(searched, tokens["access_token"], tokens["refresh_token"])


UNEXPECTED = [
    (UserStore, "by_sub"),
    (SessionStore, "add"),
    (SessionStore, "rotate"),
    (SessionStore, "end"),
    (RevocationStore, "read"),
    (KeyRingStore, "load"),
    (KeyCache, "signing_key"),
    (KeyCache, "hmac_key"),
    (KeyCache, "hmac_key_named"),
    (Sealer, "unseal"),
]


@pytest.mark.parametrize(
    "error", [RuntimeError("broken"), StoreUnavailableError(detail="broken")], ids=["bug", "503"]
)
@pytest.mark.parametrize(("owner", "method"), UNEXPECTED, ids=lambda value: getattr(value, "__name__", value))
def test_whatever_breaks_its_traceback_holds_no_secret(
    searched: Searched, monkeypatch: pytest.MonkeyPatch, owner: type, method: str, error: Exception
) -> None:
    tokens = searched.sign_in().json
    install(container(searched.services))

    def broken(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(owner, method, broken)
    statuses = do_everything(searched, tokens["access_token"], tokens["refresh_token"])
    assert {500, 503} & set(statuses)


def test_what_kms_unseals_is_not_in_the_error_when_it_is_no_key(
    searched: Searched, monkeypatch: pytest.MonkeyPatch, log: io.StringIO
) -> None:
    tokens = searched.sign_in().json
    install(container(searched.services))
    unseal = Sealer.unseal
    monkeypatch.setattr(Sealer, "unseal", lambda self, entry: unseal(self, entry)[:-7])
    do_everything(searched, tokens["access_token"], tokens["refresh_token"])
    assert "Traceback" in log.getvalue()


def do_everything(searched: Searched, access_token: str, refresh_token: str) -> list[int]:
    """What uses secrets, one after the other. Gives the statuses."""
    passwords = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    account = {"username": "newcomer", "email": "n@example.com", "password": NEW_PASSWORD}
    replies = [
        searched.sign_in(),
        searched.refresh(refresh_token),
        searched.call("GET", "/me", access_token),
        searched.call("PUT", "/me/password", access_token, passwords),
        searched.call("POST", "/logout", access_token),
        searched.call("POST", "/users", access_token, account),
    ]
    return [reply.status for reply in replies]


@pytest.mark.parametrize(
    ("act", "operation"), [("run", "Query"), ("run", "PutItem"), ("revoke", "TransactWriteItems")]
)
def test_the_rotation_and_its_failures_hold_no_secret(searched: Searched, act: str, operation: str) -> None:
    services = searched.services
    later = services.now() + services.settings.key_rotation_period
    kid = next(entry.kid for entry in services.key_store.load())
    acts: dict[str, Callable[[], object]] = {
        "run": lambda: services.rotation.run(later),
        "revoke": lambda: services.rotation.revoke(kid, later),
    }
    with failing(operation), pytest.raises(StoreUnavailableError) as failure:
        acts[act]()
    searched.output += [repr(failure.value), *traceback.format_exception(failure.value)]


def test_a_secret_that_the_rotation_has_just_made_is_in_no_log_line(
    searched: Searched, monkeypatch: pytest.MonkeyPatch, log: io.StringIO
) -> None:
    new, made = KeyRotation._new, []

    def recording(rotation: KeyRotation, policy: RotationPolicy) -> NewKey:
        made.append(new(rotation, policy))
        return made[-1]

    monkeypatch.setattr(KeyRotation, "_new", recording)
    rotation = searched.services.rotation
    later = searched.services.now() + searched.services.settings.key_rotation_period
    rotation.run(later)
    rotation.force(Purpose.REFRESH_TOKEN, later)
    for policy in rotation.policies:
        active = rotation.ring().active(policy.purpose, policy.alg, later)
        assert active
        rotation.revoke(active.kid, later)
    assert {key.purpose for key in made} == {policy.purpose for policy in rotation.policies}
    searched.secrets |= {f"the new key {key.kid}": key.secret for key in made}
    assert [key.kid for key in made if key.kid not in log.getvalue()] == []


# --- Reprs


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Every instance of every dataclass of this service, as they are made."""
    instances: list[object] = []

    def recording(init: Callable[..., None]) -> Callable[..., None]:
        def __init__(self: object, *args: object, **kwargs: object) -> None:  # noqa: N807
            init(self, *args, **kwargs)
            instances.append(self)

        return __init__

    for kind in dataclasses_of_the_house():
        monkeypatch.setattr(kind, "__init__", recording(kind.__init__))  # type: ignore[misc]
    return instances


def test_no_repr_shows_a_secret(searched: Searched, made: list[object]) -> None:
    install(container(searched.services))
    tokens = searched.sign_in().json
    do_everything(searched, tokens["access_token"], tokens["refresh_token"])
    searched.client.send("POST", "/tokens/refresh", {"Content-Type": "text/plain"}, tokens["refresh_token"])
    rotation = replace(searched.services).rotation
    key = [rotation._new(policy) for policy in rotation.policies]
    searched.secrets |= {f"a new key for {new.purpose}": new.secret for new in key}
    assert {type(instance).__name__ for instance in made} >= HOLDS_A_SECRET
    for instance in made:
        searched.output = [repr(instance)]
        assert searched.leaks() == set(), type(instance)


def test_no_dataclass_shows_a_field_that_is_named_after_a_secret() -> None:
    """Also of those that are yet to come."""
    telling = {"password", "password_hash", "secret", "secret_hash", "private_key", "sealed"}
    kinds = dataclasses_of_the_house()
    shown = {(kind.__name__, one.name) for kind in kinds for one in dataclasses.fields(kind) if one.repr}
    assert {(kind, name) for kind, name in shown if name in telling or name.endswith("_token")} == set()
