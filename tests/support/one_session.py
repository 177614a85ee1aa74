"""One user, one session and the keys, in memory: all that a refresh needs."""

from dataclasses import dataclass, field, replace

from cryptography.hazmat.primitives.asymmetric import ec

from chalicelib import base64url
from chalicelib.grants.refresh_token import SessionRotation
from chalicelib.keys.material import HmacKey, SigningKey
from chalicelib.model import FIRST_PARTY, Device, EndReason, Session, User
from chalicelib.oauth.clients import Client
from chalicelib.telemetry.events import Event
from chalicelib.tokens import refresh_token
from chalicelib.tokens.refresh_token import RefreshToken

NOW = 1_800_000_000
GRACE, IDLE, ABSOLUTE = 60, 1_000, 3_000
REALM = ("https://gatehouse.example", "https://api.example")  # issuer and audience
DEVICE = Device("192.0.2.7", "a browser")
SIGNING = SigningKey("signing", "ES256", ec.generate_private_key(ec.SECP256R1()))
HMAC = HmacKey("00000001", b"k" * 32)
CLIENT = Client(FIRST_PARTY, frozenset({"refresh_token"}), 900, IDLE, ABSOLUTE, GRACE)
HELD = frozenset({"a", "b", "c"})

TOKEN = RefreshToken(base64url.encode(b"u" * 16), (b"s" * 16).hex(), b"x" * 16, 0)
USER = User(sub=TOKEN.sub, username="zoe", email=None, password_hash="", scope=HELD)
SESSION = Session(
    sub=TOKEN.sub,
    session_id=TOKEN.session_id,
    client_id=FIRST_PARTY,
    asked_scope=None,
    secret_hash=TOKEN.secret_hash(),
    generation=0,
    session_epoch=0,
    created_at=NOW,
    rotated_at=NOW,
    expires_at=NOW + IDLE,
    absolute_expires_at=NOW + ABSOLUTE,
    device=DEVICE,
)
FIRST = refresh_token.mint(TOKEN, HMAC)


@dataclass
class Memory:
    """One user, one session, and the keys."""

    user: User | None = USER
    session: Session | None = SESSION
    writes: list[str] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    def by_sub(self, sub: str) -> User | None:
        assert sub == USER.sub
        return self.user

    def rotate(self, rotation: SessionRotation) -> tuple[bool, Session | None]:
        self.writes.append("rotate")
        found = self.session
        if found is None or not (
            found.generation == rotation.token.generation
            and found.secret_hash == rotation.token.secret_hash()
            and found.client_id == rotation.client_id
            and found.ended_at is None
            and rotation.now < found.ends_at()
            and (found.session_epoch == rotation.session_epoch or found.session_id == rotation.kept_session)
        ):
            return False, found
        self.session = replace(
            found, generation=found.generation + 1, rotated_at=rotation.now, expires_at=rotation.expires_at
        )
        return True, self.session

    def close(self, sub: str, session_id: str, reason: EndReason, now: int) -> bool:
        self.writes.append("end")
        assert self.session is not None
        assert (sub, session_id) == (self.session.sub, self.session.session_id)
        ended_now = self.session.ended_at is None
        if ended_now:
            self.session = replace(self.session, ended_at=now, reason=reason)
        return ended_now

    def record(self, event: Event) -> None:
        self.events.append(event)

    def signing_key(self, now: int) -> SigningKey:  # noqa: ARG002
        return SIGNING

    def hmac_key(self, now: int) -> HmacKey:  # noqa: ARG002
        return HMAC

    def hmac_key_named(self, kid: str, now: int) -> HmacKey | None:  # noqa: ARG002
        return HMAC if kid == HMAC.kid else None
