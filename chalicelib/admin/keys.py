"""`keys list`, `keys rotate`, `keys revoke KID`."""

import click

from chalicelib.admin.command import verb
from chalicelib.admin.output import Result
from chalicelib.keys.ring import KeyEntry, KeyRing, Purpose
from chalicelib.services import Services
from chalicelib.timestamps import rfc3339


@click.group
def keys() -> None:
    """The key ring."""


@verb(keys, "list")
def list_keys(services: Services) -> Result:
    """Every key, oldest first, and what it does now."""
    ring, now = services.rotation.ring(), services.now()
    ordered = sorted(ring.entries, key=lambda entry: (entry.purpose, entry.alg, entry.serial))
    rows = [_row(ring, entry, now) for entry in ordered]
    return Result({"keys": rows}, rows)


@verb(keys, "rotate")
@click.option("--purpose", type=click.Choice(Purpose, case_sensitive=False), help="Only the keys for this.")
def rotate(services: Services, purpose: Purpose | None = None) -> Result:
    """Let the next keys sign now, and publish those after them."""
    purposes = [purpose] if purpose else list(Purpose)
    sign = [kid for each in purposes for kid in services.rotation.force(each, services.now())]
    message = f"{', '.join(sign)}: signs from now on, and the next key is published."
    return Result(
        {"sign": sign}, message=message if sign else "Nothing to rotate, or another run has just done it."
    )


@verb(keys, "revoke", asks="Everything that this key signed stops working. Revoke it?")
@click.argument("kid")
def revoke(services: Services, kid: str) -> Result:
    """Stop the key KID at once; if it signs, another one does instead."""
    instead = services.rotation.revoke(kid, services.now())
    message = f"Revoked. {instead} signs from now on." if instead else "Revoked."
    return Result({"revoked": kid, "signs_instead": instead}, message=message)


def _row(ring: KeyRing, entry: KeyEntry, now: int) -> dict[str, str]:
    gone_at = ring.gone_at(entry) if entry.revoked_at is None else entry.revoked_at
    return {
        "kid": entry.kid,
        "purpose": entry.purpose.value,
        "alg": entry.alg,
        "role": ring.role(entry, now).value,
        "published_at": rfc3339(entry.published_at),
        "signs_from": rfc3339(entry.signs_from),
        "gone_at": rfc3339(gone_at) if gone_at is not None else "",
    }
