"""Hostile claims: what a token says, and the JSON that says it. The gate's own key signed every one."""

import json

from tests.support.token_forge import (
    AUDIENCE,
    CLAIMS,
    HEADER,
    ISSUER,
    NOW,
    Named,
    token,
    twice,
    without,
    wrong_types,
)


def claims() -> Named:
    optional = ("sid", "preferred_username", "session_epoch")
    for name, value in CLAIMS.items():
        if name not in optional:
            yield f"claims/no {name}", token(claims=without(CLAIMS, name))
        for kind, wrong in wrong_types("integer" if isinstance(value, int) else "text"):
            yield f"claims/{name} is {kind}", token(claims=CLAIMS | {name: wrong})
        if isinstance(value, str) and name != "scope":
            yield f"claims/{name} is empty", token(claims=CLAIMS | {name: ""})
        yield f"claims/{name} twice", token(claims=twice(CLAIMS, name))
        yield f"claims/{name} twice, escaped", token(claims=twice(CLAIMS, name, escaped=True))
        for number in ("NaN", "Infinity", "-Infinity", "1e400", "-1e400", "1800000900.0", "9" * 400):
            text = json.dumps(CLAIMS | {name: "\x00"}).replace('"\\u0000"', number)
            yield f"claims/{name} is {number[:12]}", token(claims=text)
    for kind, wrong in wrong_types("integer"):
        yield f"claims/nbf is {kind}", token(claims=CLAIMS | {"nbf": wrong})


def meanings() -> Named:
    issuers = (ISSUER[:-1], ISSUER[:8], ISSUER + "/", ISSUER + "/x", ISSUER.upper(), " " + ISSUER, ISSUER + "\n")
    for issuer in (
        *issuers,
        ISSUER.replace("https", "http"),
        "https://auth.example.com.attacker.example/v1",
        "v1",
    ):
        yield f"meaning/iss {issuer!r}", token(claims=CLAIMS | {"iss": issuer})
    yield "meaning/iss in a list", token(claims=CLAIMS | {"iss": [ISSUER]})
    audiences: tuple[object, ...] = (
        AUDIENCE[:-1],
        AUDIENCE + "/",
        AUDIENCE.upper(),
        "*",
        f"{AUDIENCE} x",
        AUDIENCE[:5],
    )
    lists = ([AUDIENCE, 1], [AUDIENCE, None], [[AUDIENCE]], [AUDIENCE + "/"], ["x", "y"], [{"aud": AUDIENCE}])
    for audience in (*audiences, *lists, {AUDIENCE: True}):
        yield f"meaning/aud {audience!r}", token(claims=CLAIMS | {"aud": audience})
    for exp in (0, 1, NOW - 900, NOW - 1, NOW, 10**12, 2**63 - 1, 2**64):
        yield f"meaning/exp {exp}", token(claims=CLAIMS | {"exp": exp})
    for moment in (NOW + 61, NOW + 900, NOW * 1000, 2**63):
        yield f"meaning/iat {moment}", token(claims=CLAIMS | {"iat": moment})
        yield f"meaning/nbf {moment}", token(claims=CLAIMS | {"nbf": moment})
    for scope in (" ", " a", "a ", "a  b", "a\tb", 'a"b', "a\\b", "a\nb", "ä", "a\x00", "\u00a0"):
        yield f"meaning/scope {scope!r}", token(claims=CLAIMS | {"scope": scope})


def notations() -> Named:
    text = json.dumps(CLAIMS)
    inner = text[:-1]
    bodies: dict[str, str | bytes] = {
        "empty": "",
        "array": f"[{text}]",
        "text": json.dumps(text),
        "number": "1",
        "null": "null",
        "true": "true",
        "object twice": text + text,
        "object and more": text + "x",
        "NUL after": text + "\x00",
        "cut": inner,
        "comma at the end": inner + ",}",
        "comment": inner + "/* */}",
        "single quotes": text.replace('"', "'"),
        "bare name": inner + ", a: 1}",
        "control character": inner + ', "a": "\n"}',
        "unknown escape": inner + ', "a": "\\x41"}',
        "leading zero": inner + ', "a": 01}',
        "plus sign": inner + ', "a": +1}',
        "hexadecimal": inner + ', "a": 0x1}',
        "unicode digits": inner + ', "a": \u0661}',
        "NaN inside": inner + ', "a": [NaN]}',
        "Infinity inside": inner + ', "a": {"b": -Infinity}}',
        "1e400 inside": inner + ', "a": [1e400]}',
        "huge integer inside": inner + f', "a": [{"9" * 5000}]}}',
        "21 digits": inner + f', "a": {"9" * 21}}}',
        "duplicate inside": inner + ', "a": {"b": 1, "b": 1}}',
        "duplicate deep inside": inner + ', "a": [[{"b": {"c": 1, "\\u0063": 1}}]]}',
        "lone surrogate": inner + ', "a": "\\ud800"}',
        "lone low surrogate in a name": inner + ', "\\uDC00": 1}',
        "surrogates reversed": inner + ', "a": "\\udc00\\ud800"}',
        "BOM": "\ufeff" + text,
        "UTF-16": text.encode("utf-16"),
        "UTF-16 without BOM": text.encode("utf-16-le"),
        "UTF-32": text.encode("utf-32"),
        "invalid UTF-8": inner.encode() + b', "a": "\xff"}',
        "overlong UTF-8": inner.encode() + b', "a": "\xc0\xaf"}',
        "surrogate in UTF-8": inner.encode() + b', "a": "\xed\xa0\x80"}',
        "cut UTF-8": inner.encode() + b', "a": "\xe2\x82"}',
        "Latin-1": (inner + ', "a": "\xe9"}').encode("latin-1"),
        "array bomb": "[" * 5000,
        "closed array bomb": inner + ', "a": ' + "[" * 900 + "]" * 900 + "}",
        "object bomb": '{"a":' * 1100,
        "closed object bomb": inner + ', "a": ' + '{"a":' * 300 + "1" + "}" * 300 + "}",
        "too many values": inner + ', "a": [' + "1," * 600 + "1]}",
        "newline around": f"\n{text}\n",
    }
    for name, body in bodies.items():
        yield f"json/claims {name}", token(claims=body)
    header = json.dumps(HEADER)
    for name, before, after in (
        ("BOM", "\ufeff", ""),
        ("array", "[", "]"),
        ("more", "", "{}"),
        ("bomb", "[" * 700, ""),
    ):
        yield f"json/header {name}", token(header=before + header + after)
    for name, value in (("NaN", "NaN"), ("huge integer", "9" * 600), ("lone surrogate", '"\\ud800"')):
        yield f"json/header {name}", token(header=f'{header[:-1]}, "x": {value}}}')
    yield "json/header UTF-16", token(header=header.encode("utf-16"))


KINDS = (claims, meanings, notations)
