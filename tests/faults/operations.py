"""Everything that the service does with AWS: the request, what it stands on, and what lives when it is done."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from chalicelib import schedule
from chalicelib.accounts.password import Passwords, Profile
from chalicelib.admin import keys
from chalicelib.errors import GatehouseError, NotFoundError, StoreUnavailableError
from chalicelib.keys.ring import Purpose, Role
from chalicelib.services import Services
from chalicelib.tokens import refresh_token
from infra.emulated.lambda_events import SCHEDULED
from tests.conftest import DEMO_SCOPE, new_user
from tests.faults.world import ATTEMPTS, COMMENTS, SESSIONS, USERS, Signed, World
from tests.stores.test_failures import assert_unavailable
from tests.support.client import Reply, bearer

NEW_PASSWORD = "another good password"


@dataclass(frozen=True)
class Done:
    """What came of it: the status of the answer, or how the command ended; and the answer."""

    status: str
    reply: Reply | None = None

    @property
    def unavailable(self) -> bool:
        return self.status in ("503", UNAVAILABLE)


UNAVAILABLE = "fails"


@dataclass(frozen=True)
class Operation:
    """`living`: whether the session that asks and the user's other one live when it is done.

    `living_after_two`: the same when it was done twice, where that is another.
    `whole`: what it writes is one write. `twice`: a second try may write again. `services`: what serves it.
    `by_hand`: a command, which no time limit stops. `counted`: whether it is counted before it is looked at.
    """

    name: str
    perform: Callable[[World, Signed], Done]
    living: tuple[bool, bool] = (True, True)
    prepare: Callable[[World], Signed] = World.signed_in
    services: Callable[[World], Services] = lambda world: world.container
    whole: bool = True
    reads: bool = False
    twice: bool = False
    living_after_two: tuple[bool, bool] | None = None
    by_hand: bool = False
    counted: bool = False


def _request(method: str, target: str, fields: object = None) -> Callable[[World, Signed], Done]:
    def perform(world: World, signed: Signed) -> Done:
        path = target.replace("{id}", signed.comment_id)
        headers = bearer(signed.access_token)
        return _done(
            world.client.send(method, path, headers)
            if fields is None
            else world.client.json(path, fields, headers, method)
        )

    return perform


def _done(reply: Reply) -> Done:
    if reply.status == 503:
        assert_unavailable(reply)
    return Done(str(reply.status), reply)


def _sign_in(world: World, signed: Signed) -> Done:
    return _done(world.client.sign_in(signed.user.username))


def _sign_in_wrongly(world: World, signed: Signed) -> Done:
    return _done(world.client.sign_in(signed.user.username, "not the password"))


def _refresh(world: World, signed: Signed) -> Done:
    return _done(world.client.refresh(signed.refresh_token))


def _reuse(world: World, signed: Signed) -> Done:
    return _done(world.client.refresh(signed.older_refresh_token))


def _sign_up(world: World, signed: Signed) -> Done:
    name = f"new-{signed.user.username}"
    account = {"username": name, "email": f"{name}@example.com", "password": "demo-password"}
    return _done(world.client.json("/users", account))


def _jwks(world: World, _: Signed) -> Done:
    return _done(world.client.send("GET", "/.well-known/jwks.json"))


def _end_other(world: World, signed: Signed) -> Done:
    token = refresh_token.read(signed.other_refresh_token, world.direct.keys, world.direct.now())
    return _done(world.client.send("DELETE", f"/me/sessions/{token.session_id}", bearer(signed.access_token)))


def _outcome(act: Callable[[], object]) -> Done:
    try:
        act()
    except StoreUnavailableError:
        return Done(UNAVAILABLE)
    except NotFoundError:
        return Done("already revoked")
    except GatehouseError as error:
        return Done(type(error).__name__)
    return Done("done")


def _rotate(world: World, _: Signed) -> Done:
    return _outcome(lambda: schedule.rotate_keys(SCHEDULED, None))


def _revoke(world: World, signed: Signed) -> Done:
    return _outcome(lambda: keys.revoke(_spare(world), signed.kid))


# --- What they stand on


def _refreshed_once(world: World) -> Signed:
    """The presented token is the one before the newest."""
    signed = world.signed_in()
    with world.serving(world.direct):
        world.client.refresh(signed.refresh_token)
    world.changed_behind_the_proxy(SESSIONS)
    return signed


def _refreshed_twice(world: World) -> Signed:
    signed = world.signed_in()
    with world.serving(world.direct):
        second = world.client.refresh(signed.refresh_token).json["refresh_token"]
        newest = world.client.refresh(second).json["refresh_token"]
    world.changed_behind_the_proxy(SESSIONS)
    return replace(signed, refresh_token=newest, older_refresh_token=signed.refresh_token)


def _commented(world: World) -> Signed:
    signed = world.signed_in()
    with world.serving(world.direct):
        reply = world.client.json("/comments", {"message": "Hello"}, bearer(signed.access_token))
    world.changed_behind_the_proxy(COMMENTS)
    return replace(signed, comment_id=reply.json["comment_id"])


def _failed_before(world: World) -> Signed:
    """The counters of failures are there already."""
    signed = world.signed_in()
    with world.serving(world.direct):
        world.client.sign_in(signed.user.username, "not the password")
    world.changed_behind_the_proxy(ATTEMPTS)
    return signed


def _hashed_otherwise(world: World) -> Signed:
    signed = world.signed_in()
    weaker = Passwords(Profile(iterations=2, lanes=1, memory_cost=8), world.direct.random_bytes)
    user = new_user(world.direct, DEMO_SCOPE, password_hash=weaker.hash("demo-password"))
    world.changed_behind_the_proxy(USERS)
    return replace(signed, user=user)


def _signed_in_before(world: World) -> Signed:
    """The sessions are older than the one that is to begin."""
    signed = world.signed_in()
    world.clock.advance(1)
    return signed


def _with_old_ring(world: World) -> Signed:
    world.spare = world.spare_ring()
    _forget_revoked_keys(world)
    signed = world.signed_in()
    # Not through the proxy, whose connections the trial before has broken.
    direct = replace(world.direct, settings=world.spare.settings, clock=world.spare.clock)
    with world.serving(direct):
        ring, now = direct.rotation.ring(), direct.now()
    active = ring.signer(Purpose.ACCESS_TOKEN, world.spare.settings.signing_alg, now)
    assert active is not None
    assert ring.role(active, now) is Role.ACTIVE
    return replace(signed, kid=active.kid)


def _forget_revoked_keys(world: World) -> None:
    """The same key is revoked again and again: within a window that is one entry of the feed."""
    table = world.direct.settings.revocations_table
    for item in world.scan(table).values():
        if " key " in item["id"]["S"]:
            world.ask("DeleteItem", {"TableName": table, "Key": {name: item[name] for name in ("bucket", "id")}})
    world.changed_behind_the_proxy("GATEHOUSE_REVOCATIONS_TABLE")


def _cold(world: World) -> Services:
    return replace(world.container)


def _at_the_limit(world: World) -> Services:
    return replace(world.container, settings=world.container.settings._replace(max_sessions=2))


def _spare(world: World) -> Services:
    services: Services = world.spare
    return services


_COMMENT = {"message": "Hello"}
_PASSWORDS = {"current_password": "demo-password", "new_password": NEW_PASSWORD}

OPERATIONS = (
    Operation("POST /tokens", _sign_in),
    Operation("POST /tokens, new container", _sign_in, services=_cold),
    Operation("POST /tokens, older hash", _sign_in, prepare=_hashed_otherwise, whole=False),
    Operation(
        "POST /tokens, limit of sessions",
        _sign_in,
        (True, False),
        prepare=_signed_in_before,
        services=_at_the_limit,
        whole=False,
        living_after_two=(False, False),
    ),
    Operation("POST /tokens, first wrong password", _sign_in_wrongly, whole=False, twice=True),
    Operation(
        "POST /tokens, wrong password again", _sign_in_wrongly, prepare=_failed_before, whole=False, twice=True
    ),
    Operation("POST /tokens/refresh", _refresh),
    Operation("POST /tokens/refresh, new container", _refresh, services=_cold),
    Operation("POST /tokens/refresh, replay", _refresh, prepare=_refreshed_once),
    Operation("POST /tokens/refresh, reuse", _reuse, (False, True), prepare=_refreshed_twice),
    Operation("POST /logout", _request("POST", "/logout"), (False, True)),
    Operation("POST /logout?sessions=all", _request("POST", "/logout?sessions=all"), (False, False)),
    Operation("POST /logout?sessions=others", _request("POST", "/logout?sessions=others"), (True, False)),
    Operation("GET /me", _request("GET", "/me"), reads=True),
    Operation("GET /me, new container", _request("GET", "/me"), services=_cold, reads=True),
    Operation("GET /me/sessions", _request("GET", "/me/sessions"), reads=True),
    Operation("DELETE /me/sessions/{session_id}", _end_other, (True, False)),
    Operation("PUT /me/password", _request("PUT", "/me/password", _PASSWORDS), (True, False), counted=True),
    Operation("POST /users", _sign_up, counted=True),
    Operation("GET /comments", _request("GET", "/comments"), prepare=_commented, reads=True),
    Operation("POST /comments", _request("POST", "/comments", _COMMENT)),
    Operation("GET /comments/{comment_id}", _request("GET", "/comments/{id}"), prepare=_commented, reads=True),
    Operation("DELETE /comments/{comment_id}", _request("DELETE", "/comments/{id}"), prepare=_commented),
    Operation(
        "POST /comments/{comment_id}/flags",
        _request("POST", "/comments/{id}/flags"),
        prepare=_commented,
    ),
    Operation(
        "GET /comments/{comment_id}/history",
        _request("GET", "/comments/{id}/history"),
        prepare=_commented,
        reads=True,
    ),
    Operation("GET /.well-known/jwks.json, new container", _jwks, services=_cold, reads=True),
    Operation("the scheduled rotation", _rotate, prepare=_with_old_ring, services=_spare, whole=False),
    Operation("keys revoke", _revoke, prepare=_with_old_ring, services=_spare, whole=False, by_hand=True),
)
