"""What runs by the clock: the rotation of keys. A Lambda function of its own, without app.py."""

from chalice import Blueprint, Rate
from chalice.app import CloudWatchEvent

from chalicelib import deadline
from chalicelib.services import current

blueprint = Blueprint(__name__)


# Often, because most runs find nothing to do, and a missed one is made up for by the next.
@blueprint.schedule(Rate(1, unit=Rate.HOURS), name="rotate_keys")
def rotate_keys(event: CloudWatchEvent) -> list[str]:  # noqa: ARG001
    """Publishes the keys that are due and removes those long gone. Returns the key ids that were added."""
    services = current()
    with deadline.within(deadline.INVOCATION):
        return services.rotation.run(services.now())
