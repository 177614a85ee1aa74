"""Every algorithm that may be set, from the ring to the API; and the way from one to the next."""

import jwt
import pytest

from chalicelib.keys.material import SIGNING_ALGORITHMS
from chalicelib.model import User
from chalicelib.services import Services, assemble
from chalicelib.settings import SettingsError
from tests.support.callers import serve, sign_in
from tests.support.client import Client, Clock

EVERY = sorted(SIGNING_ALGORITHMS)
HOUR = 3_600

pytestmark = pytest.mark.usefixtures("empty_ring")


def test_these_are_the_algorithms() -> None:
    assert EVERY == ["ES256", "EdDSA", "RS256"]


@pytest.mark.parametrize("alg", EVERY)
def test_a_token_passes_the_gate_and_the_api(
    services: Services, client: Client, user: User, clock: Clock, alg: str
) -> None:
    serve(services, signing_alg=alg).rotation.run(clock.now)
    session = sign_in(client, user)
    assert jwt.get_unverified_header(session.access_token)["alg"] == alg
    assert session.get("/me").json["sub"] == user.sub


@pytest.mark.parametrize("alg", EVERY)
def test_a_key_is_sealed_and_opens_again(
    services: Services, client: Client, user: User, clock: Clock, alg: str
) -> None:
    serve(services, signing_alg=alg).rotation.run(clock.now)
    serve(services)  # knows only the table
    assert sign_in(client, user).get("/me").status == 200


@pytest.mark.parametrize(("before", "after"), [("ES256", "RS256"), ("RS256", "EdDSA"), ("EdDSA", "ES256")])
def test_a_change_refuses_nobody(
    services: Services, client: Client, user: User, clock: Clock, before: str, after: str
) -> None:
    serve(services, signing_alg=before).rotation.run(clock.now)
    session = sign_in(client, user)
    changed = serve(services, signing_alg=after)
    clock.advance(HOUR)
    changed.rotation.run(clock.now)
    (signs_from,) = {entry.signs_from for entry in services.key_store.load() if entry.alg == after}
    seen = []
    for moment in (clock.now, signs_from - 1, signs_from, signs_from + 1, signs_from + 899):
        clock.now = moment
        called = sign_in(client, user)
        assert (session.refresh().status, called.get("/me").status) in {(200, 200), (401, 200)}
        seen.append(jwt.get_unverified_header(called.access_token)["alg"])
    assert seen == [before, before, after, after, after]


@pytest.mark.parametrize("alg", ["HS256", "none", "ES384", "es256", ""])
def test_any_other_stops_the_start(alg: str) -> None:
    with pytest.raises(SettingsError, match="GATEHOUSE_SIGNING_ALG must be one of ES256, EdDSA, RS256"):
        assemble({"GATEHOUSE_SIGNING_ALG": alg})


def test_a_period_too_short_to_publish_the_next_key_in_stops_the_start() -> None:
    with pytest.raises(SettingsError, match="GATEHOUSE_KEY_ROTATION_PERIOD must be at least 960 seconds"):
        assemble({"GATEHOUSE_KEY_ROTATION_PERIOD": "959"})
    assert assemble({"GATEHOUSE_KEY_ROTATION_PERIOD": "960"}).settings.key_rotation_period == 960
