"""A user who floods the revocation feed: ends sessions with one token, again and again. Nobody else may notice."""

from dataclasses import dataclass, field

from chalicelib.clocks import CLOCK_SKEW
from chalicelib.services import Services
from chalicelib.tokens.revocations import WINDOW
from tests.load.accounts import sign_up, subject
from tests.load.client import Device
from tests.load.history import Seen
from tests.load.invariants import Broken

# Ends that one client asks for; no more are made.
_MOST = 20_000
# Every so many of them its own session.
_OWN = 50


@dataclass
class Flood:
    """One device of a user of its own, with a history of its own: its ends leave a trace in the feed alone."""

    ports: list[int]
    seed: str
    began: int
    seen: list[Seen] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.device = Device(sign_up(self.ports[0], "flooder"), self.ports, self.seen, self.seed)
        self.sub = subject(self.device.held.access_token)
        self.ends = 0

    def act(self) -> None:
        """Asks for an end; where that was refused or was its own, goes on with a new session."""
        if self.ends >= _MOST:
            return
        self.ends += 1
        if self.ends % _OWN:
            self.device.log_out_others()
        else:
            self.device.log_out()
        if self.ends % _OWN == 0 or self.seen[-1].status == 401:
            self.device.refresh()

    def broken(self, services: Services) -> list[Broken]:
        """That the feed has one entry of this user for each window at the most, however much they ended."""
        now = services.now()
        entries = [
            entry
            for page in services.revocations.read(self.began - CLOCK_SKEW, now)
            for entry in page.revocations
            if entry.subject == self.sub
        ]
        windows = now // WINDOW - self.began // WINDOW + 1
        print(f"a user who floods asked for {self.ends} ends, which are {len(entries)} entries of the feed")
        self.device.close()
        if len(entries) <= windows:
            return []
        return [Broken(f"a user has one entry of the feed for each window, not {len(entries)} in {windows}", None)]
