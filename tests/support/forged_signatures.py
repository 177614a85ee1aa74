"""Forged signatures for each algorithm, over a token that the gate would take if it were signed."""

import functools
from collections.abc import Callable, Mapping

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from chalicelib import base64url
from tests.support.token_forge import (
    CLAIMS,
    EC_KEY,
    ED_KEY,
    HEADER,
    OTHER_EC_KEY,
    RSA_KEY,
    Json,
    Named,
    es256,
    segment,
)

ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # of P-256 (FIPS 186-5)
ED_ORDER = 2**252 + 27742317777372353535851937790883648493  # of edwards25519's base point (RFC 8032 §5.1)
OTHER_ED_KEY = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
OTHER_RSA_KEY = rsa.generate_private_key(65537, 2048)

_SHA256 = hashes.SHA256()
_PSS = padding.PSS(padding.MGF1(_SHA256), padding.PSS.DIGEST_LENGTH)

Sign = Callable[[bytes], bytes]


def _rs256(signed: bytes, key: rsa.RSAPrivateKey = RSA_KEY) -> bytes:
    return key.sign(signed, padding.PKCS1v15(), _SHA256)


# By kid: the header, the right signature, and the same algorithm with another key.
SIGNERS: Mapping[str, tuple[Json, Sign, Sign]] = {
    "ec": (HEADER, es256, lambda signed: es256(signed, OTHER_EC_KEY)),
    "rsa": (
        HEADER | {"kid": "rsa", "alg": "RS256"},
        _rs256,
        lambda signed: _rs256(signed, OTHER_RSA_KEY),
    ),
    "ed": (HEADER | {"kid": "ed", "alg": "EdDSA"}, ED_KEY.sign, OTHER_ED_KEY.sign),
}


def start(kid: str) -> str:
    """Header and claims, to be signed by the key `kid`."""
    return f"{segment(SIGNERS[kid][0])}.{segment(CLAIMS)}"


def genuine(kid: str) -> str:
    """The token whose signature holds, which every forgery differs from."""
    return f"{start(kid)}.{base64url.encode(SIGNERS[kid][1](start(kid).encode()))}"


@functools.cache
def _good(kid: str) -> bytes:
    return SIGNERS[kid][1](start(kid).encode())


def signatures() -> Named:
    """Every forgery for every algorithm."""
    for kid in SIGNERS:
        for name, signature in {**_of_any(kid), **_OWN[kid]()}.items():
            assert signature != _good(kid), name
            yield f"signature/{kid}: {name}", f"{start(kid)}.{base64url.encode(signature)}"
        yield from _over_something_else(kid)


def _of_any(kid: str) -> dict[str, bytes]:
    good, text = _good(kid), start(kid).encode()
    header, _, payload = text.partition(b".")
    _, sign, other = SIGNERS[kid]
    half = len(good) // 2
    flipped = {
        f"bit {bit} flipped": (int.from_bytes(good, "big") ^ 1 << bit).to_bytes(len(good), "big")
        for bit in range(0, 8 * len(good), 37)
    }
    return flipped | {
        "empty": b"",
        "one byte": good[:1],
        "truncated": good[:-1],
        "half": good[:half],
        "one byte more": good + b"\x00",
        "one byte before": b"\x00" + good,
        "twice": good + good,
        "zero": bytes(len(good)),
        "one": bytes(len(good) - 1) + b"\x01",
        "all ones": b"\xff" * len(good),
        "halves swapped": good[half:] + good[:half],
        "backwards": good[::-1],
        "of another key": other(text),
        "of the header alone": sign(header),
        "of the claims alone": sign(payload),
        "of nothing": sign(b""),
        **{f"by the key of {name}": SIGNERS[name][1](text) for name in SIGNERS if name != kid},
    }


def _over_something_else(kid: str) -> Named:
    """A right signature, under what it was not made for."""
    last, header = base64url.encode(_good(kid)), SIGNERS[kid][0]
    for name, value in {"sub": "usr_1", "scope": "users:write", "exp": CLAIMS["iat"], "jti": "tok_2"}.items():
        changed = f"{segment(header)}.{segment(CLAIMS | {name: value})}"
        yield f"signature/{kid}: of other claims than {name}", f"{changed}.{last}"
    yield f"signature/{kid}: of another header", f"{segment(header | {'x': 1})}.{segment(CLAIMS)}.{last}"


def _ec() -> dict[str, bytes]:
    good, text = _good("ec"), start("ec").encode()
    r, s = good[:32], good[32:]
    return {
        "DER": EC_KEY.sign(text, ec.ECDSA(_SHA256)),
        "by SHA-512": EC_KEY.sign(text, ec.ECDSA(hashes.SHA512())),
        "r zero": bytes(32) + s,
        "s zero": r + bytes(32),
        "r = n": ORDER.to_bytes(32, "big") + s,
        "s = n": r + ORDER.to_bytes(32, "big"),
        "r = s = 1": (b"\x00" * 31 + b"\x01") * 2,
    }


def _rsa() -> dict[str, bytes]:
    text, numbers = start("rsa").encode(), RSA_KEY.public_key().public_numbers()
    good = int.from_bytes(_good("rsa"), "big")
    raised = pow(good, numbers.e, numbers.n)
    return {
        "by PSS": RSA_KEY.sign(text, _PSS, _SHA256),
        "by SHA-1": RSA_KEY.sign(text, padding.PKCS1v15(), hashes.SHA1()),  # noqa: S303
        "by SHA-512": RSA_KEY.sign(text, padding.PKCS1v15(), hashes.SHA512()),
        "n": numbers.n.to_bytes(256, "big"),
        "n - 1": (numbers.n - 1).to_bytes(256, "big"),
        "n - s": (numbers.n - good).to_bytes(256, "big"),
        "s + n": (good + numbers.n).to_bytes(257, "big"),
        "the padded digest, not raised": raised.to_bytes(256, "big"),
        "the cube root of the padded digest": _cube_root(raised).to_bytes(256, "big"),
    }


def _cube_root(number: int) -> int:
    """Rounded down: what Bleichenbacher's forgery for e = 3 begins with."""
    low, high = 0, 1 << (number.bit_length() // 3 + 1)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if middle**3 <= number else (low, middle - 1)
    return low


def _ed() -> dict[str, bytes]:
    good = _good("ed")
    r, s = good[:32], int.from_bytes(good[32:], "little")
    public = ED_KEY.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    neutral = b"\x01" + bytes(31)
    return {
        # RFC 8032 §5.1.7: s is below the order, else one signature has many forms.
        "s + the order": r + (s + ED_ORDER).to_bytes(32, "little"),
        "s + eight times the order": r + ((s + 8 * ED_ORDER) % 2**256).to_bytes(32, "little"),
        "s negated": r + (ED_ORDER - s).to_bytes(32, "little"),
        "s zero": r + bytes(32),
        "r of order 1": neutral + good[32:],
        "r of order 1, s zero": neutral + bytes(32),
        "r of order 2": b"\xec" + b"\xff" * 30 + b"\x7f" + good[32:],
        "r the public key": public + good[32:],
        "r no point": b"\x02" + bytes(31) + good[32:],
        "over the digest": ED_KEY.sign(_digest(start("ed").encode())),
    }


def _digest(text: bytes) -> bytes:
    digest = hashes.Hash(hashes.SHA512())
    digest.update(text)
    return digest.finalize()


_OWN: Mapping[str, Callable[[], dict[str, bytes]]] = {"ec": _ec, "rsa": _rsa, "ed": _ed}
