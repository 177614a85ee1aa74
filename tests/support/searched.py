"""All secrets that are in use in a test, and all output, which is searched for them."""

import base64
import importlib
import pkgutil
from dataclasses import dataclass, field, is_dataclass
from typing import Any

from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)

import chalicelib
from chalicelib import base64url
from chalicelib.keys.material import hmac_key
from chalicelib.keys.ring import Purpose
from chalicelib.model import User
from chalicelib.services import Services
from tests.support.client import Client, Clock, Reply, basic, bearer

PASSWORD = "correct-horse-battery-staple"
WRONG_PASSWORD = "wrong-horse-battery-staple"
NEW_PASSWORD = "other-horse-battery-staple"

# Dataclasses whose instances hold a secret when everything has been done once.
HOLDS_A_SECRET = {
    "Body",
    "HmacKey",
    "NewKey",
    "PasswordChange",
    "Put",
    "RefreshToken",
    "TokenRequest",
    "Session",
    "SignUp",
    "SigningKey",
    "TokenResponse",
    "Update",
    "User",
}


def forms(secret: str | bytes) -> set[str]:
    """How a secret may look in a text."""
    data = secret.encode() if isinstance(secret, str) else secret
    encoded = {base64.b64encode(data).decode(), base64.urlsafe_b64encode(data).decode(), base64url.encode(data)}
    # In the midst of something longer, base64 may begin at each of three places; these need no padding.
    inner = {base64.b64encode(data[skip:][: len(data[skip:]) // 3 * 3])[:40].decode() for skip in range(3)}
    plain = {secret} if isinstance(secret, str) else set()
    return {*encoded, *inner, data.hex(), repr(data)[2:-1], *plain}


@dataclass
class Searched:
    """The client, the secrets that have been in use, and all output so far."""

    services: Services
    client: Client
    user: User
    clock: Clock
    secrets: dict[str, str | bytes] = field(default_factory=dict)
    output: list[str] = field(default_factory=list)

    def know(self, name: str, secret: str | bytes) -> None:
        self.secrets[name] = secret

    def sign_in(self, password: str = PASSWORD) -> Reply:
        headers = basic(self.user.username, password)
        self.know("the Authorization header", headers["Authorization"].removeprefix("Basic "))
        return self._noted(self.client.form("/tokens", headers))

    def refresh(self, token: str) -> Reply:
        self.know("a refresh token", token)
        return self._noted(self.client.refresh(token))

    def call(self, method: str, target: str, token: str, fields: object = None) -> Reply:
        self.know("an access token", token)
        self.know("its signature", token.rpartition(".")[2])
        return self._noted(self.client.json(target, fields or {}, bearer(token), method))

    def _noted(self, reply: Reply) -> Reply:
        """Notes what a refusal says; an answer with tokens is what was asked for, and teaches them."""
        if reply.status >= 400:
            self.output.append(f"{reply.headers} {reply.body.decode()}")
        elif b"refresh_token" in reply.body:
            for name in ("access_token", "refresh_token"):
                self.know(f"an answer's {name}", reply.json[name])
            self.know("a session's secret", base64url.decode(reply.json["refresh_token"][4:])[32:48])
        return reply

    def leaks(self) -> set[str]:
        """The names of the secrets that have got out."""
        text = "\n".join(self.output)
        return {name for name, secret in self.secrets.items() if any(form in text for form in forms(secret))}


def keys_of(services: Services) -> dict[str, str | bytes]:
    """What KMS unseals, and what is made of it."""
    known: dict[str, str | bytes] = {}
    for entry in services.key_store.load():
        plaintext = services.key_store.unseal(entry)
        known[f"{entry.purpose}, as KMS unseals it"] = plaintext
        if entry.purpose is Purpose.REFRESH_TOKEN:
            known["the HMAC key"] = hmac_key(entry, plaintext).key
        else:
            key: Any = load_der_private_key(plaintext, None)
            pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
            known["the private key in PEM"] = pem.splitlines()[1]
            known["the private number"] = key.private_numbers().private_value.to_bytes(32, "big")
    return known


def dataclasses_of_the_house() -> list[type]:
    """Every dataclass of this service."""
    names = [module.name for module in pkgutil.walk_packages(chalicelib.__path__, "chalicelib.")]
    modules = [importlib.import_module(name) for name in names if not name.endswith("__main__")]
    kinds = {kind for module in modules for kind in vars(module).values() if isinstance(kind, type)}
    ours = {kind for kind in kinds if is_dataclass(kind) and kind.__module__.startswith("chalicelib")}
    return sorted(ours, key=lambda kind: kind.__name__)
