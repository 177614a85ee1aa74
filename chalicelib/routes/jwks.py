"""The public keys, for the gate and for every service that verifies tokens by itself."""

from chalice import Response

from chalicelib.web.call import Call
from chalicelib.web.protected_blueprint import ProtectedBlueprint
from chalicelib.web.responses import ok

blueprint = ProtectedBlueprint(__name__)


@blueprint.get("/.well-known/jwks.json")
def jwks(call: Call) -> Response:
    """The JWK Set (RFC 7517 §5), to be cached as long as the header says and no longer."""
    caching = f"public, max-age={call.services.settings.jwks_max_age}"
    headers = {"Content-Type": "application/jwk-set+json", "Cache-Control": caching}
    return ok(call.services.keys.jwk_set(call.now), headers)
