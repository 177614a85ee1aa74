"""`keys list`, `keys rotate`, `keys revoke KID`."""

import argparse
from typing import Any

from chalicelib.admin.output import Result
from chalicelib.keys.ring import KeyEntry, KeyRing, Purpose
from chalicelib.services import Services
from chalicelib.timestamps import rfc3339


def add_commands(groups: Any, common: argparse.ArgumentParser) -> None:
    """Adds the group to the command line."""
    commands = groups.add_parser("keys", help="the key ring").add_subparsers(required=True, metavar="COMMAND")
    listing = commands.add_parser("list", parents=[common], help="every key, and what it does now")
    listing.set_defaults(run=list_keys, asks="")
    rotating = commands.add_parser("rotate", parents=[common], help="let the next keys sign now")
    rotating.add_argument("--purpose", type=Purpose, choices=list(Purpose), help="only the keys for this")
    rotating.set_defaults(run=rotate, asks="")
    revoking = commands.add_parser("revoke", parents=[common], help="stop a key at once")
    revoking.add_argument("kid", metavar="KID")
    revoking.set_defaults(run=revoke, asks="Everything that this key signed stops working. Revoke it?")


def list_keys(services: Services, _: argparse.Namespace) -> Result:
    """The ring, oldest first."""
    ring, now = services.rotation.ring(), services.now()
    ordered = sorted(ring.entries, key=lambda entry: (entry.purpose, entry.alg, entry.serial))
    rows = [_row(ring, entry, now) for entry in ordered]
    return Result({"keys": rows}, rows)


def rotate(services: Services, arguments: argparse.Namespace) -> Result:
    """The key ids that sign from now on."""
    purposes = [arguments.purpose] if arguments.purpose else list(Purpose)
    sign = [kid for purpose in purposes for kid in services.rotation.force(purpose, services.now())]
    message = f"{', '.join(sign)}: signs from now on, and the next key is published."
    return Result(
        {"sign": sign}, message=message if sign else "Nothing to rotate, or another run has just done it."
    )


def revoke(services: Services, arguments: argparse.Namespace) -> Result:
    """The key id that signs instead, if the revoked one did."""
    instead = services.rotation.revoke(arguments.kid, services.now())
    message = f"Revoked. {instead} signs from now on." if instead else "Revoked."
    return Result({"revoked": arguments.kid, "signs_instead": instead}, message=message)


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
