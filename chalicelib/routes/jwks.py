"""The public keys, for the gate and for every service that verifies tokens by itself."""

from contextlib import suppress

from chalice import Response
from chalice.app import Request

from chalicelib.errors import StoreUnavailableError
from chalicelib.services import runtime
from chalicelib.web.protected_blueprint import Door
from chalicelib.web.responses import ok

door = Door(__name__)


@door.get("/.well-known/jwks.json")
def jwks(request: Request) -> Response:  # noqa: ARG001
    """The JWK Set (RFC 7517 §5), to be cached as long as the header says and no longer."""
    house = runtime()
    now = house.now()
    # Without news of revoked keys the set is still the best there is: verifiers must not go without.
    with suppress(StoreUnavailableError):
        house.keys.heed(house.feed.current(now).keys(), now)
    caching = f"public, max-age={house.settings.jwks_max_age}"
    headers = {"Content-Type": "application/jwk-set+json", "Cache-Control": caching}
    return ok(house.keys.ring(now).jwk_set(now), headers)
