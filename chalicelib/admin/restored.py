"""`restored`: after tables were restored from a backup."""

from typing import TextIO

import click

from chalicelib.accounts.restoration import Restoration, to_disable
from chalicelib.admin.output import Result
from chalicelib.services import Services


@click.option("--events", type=click.File(), help="The audit trail since the backup, one JSON event a line.")
def restored(services: Services, events: TextIO | None = None) -> Result:
    """End every session and token, so that a restored backup brings none back.

    With --events, whoever changed their password or was disabled since the backup is disabled.
    """
    now = services.now()
    feed = [
        entry
        for page in services.revocations.read(now - services.revocations.longest, now)
        for entry in page.revocations
    ]
    disabled = to_disable(events) if events else frozenset[str]()
    done = Restoration(services.users, services.rotation).run(feed, disabled, now)
    document = {"revoked": done.revoked, "users": done.users, "disabled": done.disabled}
    lines = [f"{len(done.revoked)} keys were revoked, and the sessions of {done.users} users ended."]
    lines += [f"{username} is disabled." for username in done.disabled]
    return Result(document, message="\n".join(lines))
