"""Hostile access tokens, each named after its attack.

Unless its name says that the signature is what is wrong, every token here is signed by the gate's own key:
what refuses it is the rule that it breaks. The part of the name before the slash is the kind of attack.
"""

import base64
import functools
import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping

from cryptography.hazmat.primitives import serialization

from chalicelib import base64url
from chalicelib.keys.jwk_set import PublicKey
from tests.support import forged_signatures, hostile_claims
from tests.support.token_forge import (
    CLAIMS,
    HEADER,
    KEYS,
    OTHER_EC_KEY,
    Json,
    Named,
    bare_jwk,
    public_jwk,
    segment,
    signed,
    token,
    twice,
    without,
    wrong_types,
)


@functools.cache
def hostile_tokens() -> Mapping[str, str]:
    """Every hostile token by its name."""
    tokens: dict[str, str] = {}
    for kind in (
        _algorithms,
        _headers,
        _parameters,
        forged_signatures.signatures,
        _segments,
        *hostile_claims.KINDS,
    ):
        for name, hostile in kind():
            assert name not in tokens, name
            tokens[name] = hostile
    return tokens


def _secrets() -> Iterator[tuple[str, bytes]]:
    """What an HMAC may be keyed with by somebody who knows only public keys."""
    for kid, key in KEYS.items():
        public = key.key
        spki = serialization.PublicFormat.SubjectPublicKeyInfo
        yield f"{kid} PEM", public.public_bytes(serialization.Encoding.PEM, spki)
        yield f"{kid} PEM stripped", public.public_bytes(serialization.Encoding.PEM, spki).strip()
        yield f"{kid} DER", public.public_bytes(serialization.Encoding.DER, spki)
        yield f"{kid} JWK", json.dumps(public_jwk(kid)).encode()
        yield f"{kid} JWK compact", json.dumps(public_jwk(kid), separators=(",", ":")).encode()
    yield "empty", b""
    yield "kid", b"ec"
    yield "null", b"null"


def _algorithms() -> Named:
    for kid in KEYS:
        for alg in ("none", "None", "NONE", "nOnE", ""):
            unsigned = f"{segment({'typ': 'at+jwt', 'alg': alg, 'kid': kid})}.{segment(CLAIMS)}."
            yield f"algorithm/{alg!r} unsigned for {kid}", unsigned
            yield f"algorithm/{alg!r} with a signature for {kid}", unsigned + segment(b"x" * 64)
    for bits in (256, 384, 512):
        for name, secret in _secrets():
            header: Json = {"typ": "at+jwt", "alg": f"HS{bits}", "kid": name.partition(" ")[0]}
            start = f"{segment(header)}.{segment(CLAIMS)}"
            mac = hmac.new(secret, start.encode(), getattr(hashlib, f"sha{bits}")).digest()
            yield f"algorithm/HS{bits} keyed with {name}", f"{start}.{base64url.encode(mac)}"
    for alg in (
        *("ES384", "ES512", "ES256K", "PS256", "RS256", "EdDSA", "Ed25519", "HS256"),
        *("es256", "Es256", "ES256\x00", "dir", "A128KW"),
    ):
        yield f"algorithm/{alg!r} over an ES256 signature", token(HEADER | {"alg": alg})
    for kid in ("rsa", "ed"):
        yield f"algorithm/ES256 under the kid of {kid}", token(HEADER | {"kid": kid})
    yield "algorithm/RS256 kid and alg over an ES256 signature", token(HEADER | {"kid": "rsa", "alg": "RS256"})


def _headers() -> Named:
    for name in HEADER:
        yield f"header/no {name}", token(without(HEADER, name))
        for kind, value in wrong_types("text"):
            yield f"header/{name} is {kind}", token(HEADER | {name: value})
        yield f"header/{name} twice", token(twice(HEADER, name))
        yield f"header/{name} twice, escaped", token(twice(HEADER, name, escaped=True))
    for typ in (
        "JWT",
        "jwt",
        "at+jwt ",
        "at",
        "at+jwt;v=1",
        "application/jwt",
        "dpop+jwt",
        "text/at+jwt",
        "id+jwt",
    ):
        yield f"header/typ {typ!r}", token(HEADER | {"typ": typ})
    kids = {
        "unknown": "another",
        "empty": "",
        "huge": "k" * 600,
        "129 characters": "k" * 129,
        "path": "../../../../dev/null",
        "SQL": "x' UNION SELECT 'secret' --",
        "shell": "ec|/usr/bin/id",
        "a URL": "http://127.0.0.1/keys.json",
        "with NUL": "ec\x00",
        "with space": "ec ",
        "in capitals": "EC",
        "full-width": "\uff45\uff43",
        "an attribute": "__class__",
    }
    for name, kid in kids.items():
        yield f"header/kid {name}", token(HEADER | {"kid": kid})


def _parameters() -> Named:
    """Header parameters that are never accepted."""
    refused: Json = {
        "jku": "https://attacker.example/jwks.json",
        "x5u": "https://attacker.example/cert.pem",
        "x5c": ["MIIB"],
        "crit": ["exp"],
        "b64": False,
        "zip": "DEF",
        "cty": "JWT",
        "enc": "A256GCM",
    }
    for name, value in refused.items():
        yield f"header/{name}", token(HEADER | {name: value})
        yield f"header/{name} null", token(HEADER | {name: None})
    for critical in ([], ["b64"], ["exp", "typ"], ["x-unknown"], "exp"):
        yield f"header/crit {critical!r}", token(HEADER | {"crit": critical, "b64": True, "x-unknown": 1})
    own: Json = {"jwk": bare_jwk(PublicKey("", "ES256", OTHER_EC_KEY.public_key()))}
    led: dict[str, Json] = {"jwk of its own": own, "jku of its own": {"jku": refused["jku"]}}
    for name, extra in led.items():
        for kid in ("ec", "another"):
            header = segment(HEADER | {"kid": kid} | extra)
            yield f"header/{name}, signed with it, kid {kid}", signed(header, segment(CLAIMS), OTHER_EC_KEY)
    yield "header/longer than 1,024 characters", token(HEADER | {"x": "x" * 800})


def _segments() -> Named:
    good = token()
    header, payload, last = good.split(".")
    yield from {
        "segments/none": "",
        "segments/one": header,
        "segments/two": f"{header}.{payload}",
        "segments/four": f"{good}.{last}",
        "segments/five, as JWE": f"{header}.{payload}.{last}.{payload}.{last}",
        "segments/only dots": "..",
        "segments/three dots": good + ".",
        "segments/dot before": "." + good,
        "segments/no header": f".{payload}.{last}",
        "segments/no payload": signed(header, ""),
        "segments/no signature": f"{header}.{payload}.",
        "segments/8,192 dots": "." * 8192,
        "segments/detached payload": f"{header}..{last}",
        "segments/JWS JSON": json.dumps({"protected": header, "payload": payload, "signature": last}),
        "segments/JWS JSON general": json.dumps({"payload": payload, "signatures": [{"protected": header}]}),
        "segments/Bearer in front": "Bearer " + good,
        "segments/two tokens": f"{good} {good}",
        "segments/two tokens, comma": f"{good},{good}",
        "segments/8,193 characters": good + "A" * (8193 - len(good)),
        "segments/long and signed": token(claims=CLAIMS | {"a": "x" * 6000}),
        "segments/8 MB": good + "A" * 8_000_000,
        "segments/8 MB of dots": "." * 8_000_000,
        "segments/8 MB and signed": token(claims=CLAIMS | {"a": "x" * 6_000_000}),
        "segments/full-width dots": good.replace(".", "\uff0e"),
        "segments/lone surrogate": good + "\ud800",
        "segments/a token in quotes": f'"{good}"',
    }.items()
    for name, space in {
        "space": " ",
        "newline": "\n",
        "CRLF": "\r\n",
        "tab": "\t",
        "NUL": "\x00",
        "NBSP": "\xa0",
    }.items():
        yield f"segments/{name} before", space + good
        yield f"segments/{name} after", good + space
        yield f"segments/{name} in the header", signed(header[:8] + space + header[8:], payload)
        yield f"segments/{name} in the payload", signed(header, payload[:8] + space + payload[8:])
        yield f"segments/{name} in the signature", f"{header}.{payload}.{last[:8]}{space}{last[8:]}"
    for name, pad in {
        "=": "=",
        "==": "==",
        "====": "====",
        "%3D": "%3D",
        "one letter": "A",
        "a unicode digit": "\u0661",
    }.items():
        yield f"segments/{name} after the header", signed(header + pad, payload)
        yield f"segments/{name} after the payload", signed(header, payload + pad)
        yield f"segments/{name} after the signature", good + pad
    standard = base64.b64encode(
        json.dumps(CLAIMS | {"a": "\u00ff\u00fe?>~~~"}, ensure_ascii=False).encode()
    ).decode()
    assert "+" in standard or "/" in standard
    yield "segments/the alphabet of base64", signed(header, standard.rstrip("="))
    yield "segments/the alphabet of base64, padded", signed(header, standard)
    loose_header, loose_payload = (_with_stray_bits(segment(_padded(part))) for part in (HEADER, CLAIMS))
    yield "segments/stray low bits in the header", signed(loose_header, payload)
    yield "segments/stray low bits in the payload", signed(header, loose_payload)
    yield "segments/stray low bits in the signature", f"{header}.{payload}.{_with_stray_bits(last)}"


def _with_stray_bits(text: str) -> str:
    """The same bytes to a careless decoder, in another spelling (RFC 4648 §3.5)."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return text[:-1] + alphabet[alphabet.index(text[-1]) + 1]


def _padded(members: Json) -> str:
    """JSON of a length that leaves low bits in the last letter of its base64url."""
    text = json.dumps(members)
    return text if len(text) % 3 else text[:-1] + " }"
