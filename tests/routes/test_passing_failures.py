"""Whatever a library raises at a door for a cause that passes is 503 with Retry-After, never a bare 500."""

import errno

import pytest
from cryptography.exceptions import InternalError

from chalicelib.model import User
from tests.support.client import Client, Reply, bearer

PASSING = [
    MemoryError(),
    OSError(errno.EMFILE, "Too many open files"),
    TimeoutError(),
    ConnectionResetError(),
    InternalError("Unknown OpenSSL error.", []),
]

# Where a library is entered while a right request is answered: by name, and which request comes by.
ENTERED = [
    ("chalicelib.accounts.password.Argon2id.verify_phc_encoded", "sign in"),
    ("chalicelib.stores.sign_ins.batch_get", "sign in"),
    ("chalicelib.stores.dynamodb.marshal", "sign in"),
    ("chalicelib.tokens.access_token.jwt.encode", "sign in"),
    ("chalicelib.tokens.refresh_token.hmac.digest", "sign in"),
    ("chalicelib.tokens.refresh_token.hmac.digest", "refresh"),
    ("chalicelib.stores.dynamodb.unmarshal", "refresh"),
    ("chalicelib.accounts.password.Argon2id.derive_phc_encoded", "sign up"),
    ("email_validator.validate_email", "sign up"),
    ("chalicelib.stores.users.skeletons", "sign up"),
    ("chalicelib.web.body.strict_json.loads", "sign up"),
    ("chalicelib.tokens.revocation_feed.Feed.current", "me"),
]


def answer(client: Client, user: User, request: str, tokens: dict[str, str]) -> Reply:
    match request:
        case "sign in":
            return client.sign_in(user.username)
        case "refresh":
            return client.refresh(tokens["refresh_token"])
        case "sign up":
            account = {"username": "new", "email": "new@example.com", "password": "a good long password"}
            return client.json("/users", account)
        case _:
            return client.send("GET", "/me", bearer(tokens["access_token"]))


@pytest.mark.parametrize("error", PASSING, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize(("entered", "request_"), ENTERED)
def test_what_passes_is_503(
    client: Client, user: User, monkeypatch: pytest.MonkeyPatch, error: Exception, entered: str, request_: str
) -> None:
    tokens = client.sign_in(user.username).json
    raised = []

    def fail(*_: object, **__: object) -> object:
        raised.append(error)
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(entered, fail)
        reply = answer(client, user, request_, tokens)
    assert raised
    assert reply.problem() == (503, "The service is briefly unavailable. Please try again.")
    assert reply.headers["retry-after"] == "1"
    assert answer(client, user, request_, tokens).status in (200, 201), "and then it is over"
