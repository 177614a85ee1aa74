"""Tokens of 8 kB that give themselves away: none has a signature that is worth a look."""

import json
from collections.abc import Callable

from bench.issued import Authorizer, Event, Issued, event
from chalicelib import base64url

LENGTH = 8192  # characters


def hostile(issued: Issued) -> dict[str, str]:
    """The tokens by name, around a header and a signature of `issued`."""
    header, payload, signature = issued.tokens[0].split(".")
    stranger = base64url.encode(json.dumps({**json.loads(base64url.decode(header)), "kid": "unknown"}).encode())
    return {
        "letters": "A" * LENGTH,
        "dots": "." * LENGTH,
        "three segments of letters": ".".join(["A" * (LENGTH // 3)] * 3),
        "a huge header": f"{_padded(header, _room(payload, signature))}.{payload}.{signature}",
        "an unknown key": f"{stranger}.{_padded(payload, _room(stranger, signature))}.{signature}",
        "a signature of another length": f"{header}.{_padded(payload, _room(header, 'A' * 32))}.{'A' * 32}",
        "longer than 8,192 characters": issued.tokens[0] + "A" * LENGTH,
    }


def forged(issued: Issued) -> str:
    """A token of 8 kB in perfect order, whose signature is another token's: it has to be verified."""
    header, payload, _ = issued.tokens[0].split(".")
    signature = issued.tokens[1].rpartition(".")[2]
    return f"{header}.{_padded(payload, _room(header, signature))}.{signature}"


def refused(authorizer: Authorizer, token: str) -> Callable[[], object]:
    """A call that has `authorizer` refuse `token`. Raises `AssertionError` if it lets it in."""
    return _refused(authorizer, event(token))


def _refused(authorizer: Authorizer, asked: Event) -> Callable[[], object]:
    def refuse() -> None:
        try:
            authorizer(asked)
        except Exception:  # noqa: BLE001 (each library has its own)
            return
        raise AssertionError("a hostile token was let in")

    return refuse


def _room(first: str, second: str) -> int:
    """The bytes that a third segment may have beside these two."""
    return (LENGTH - len(first) - len(second) - len("..")) * 3 // 4


def _padded(segment: str, length: int) -> str:
    """The same JSON with one more member, which makes it that many bytes long."""
    start = base64url.decode(segment).decode().rstrip("}") + ',"x":"'
    return base64url.encode((start + "x" * (length - len(start) - 2) + '"}').encode())
