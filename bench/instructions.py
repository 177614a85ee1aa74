"""The gate's decision counted in instructions, by valgrind's callgrind: a figure that noise cannot move.

A process that does something N times is counted, and one that does it not at all; keys, tokens, the clock and the
seed of hashes are the same each time. OpenSSL takes other code on another processor, here on valgrind's own.
"""

import gc
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat
from random import Random

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from bench.issued import Issued, issue
from bench.pieces import PIECES, pieces
from bench.rows import Row
from chalicelib import base64url
from chalicelib.keys.material import SigningKey

TIMES = 50
NOW = 1_800_000_000
_KEY = ec.derive_private_key(0x1F2E3D4C5B6A798897A6B5C4D3E2F1, ec.SECP256R1())
_COUNTED = re.compile(r"Collected : (\d+)")
_LIMIT = 300  # seconds for one process


def rows() -> Iterator[Row]:
    """What the decision and the same token again take, in instructions; nothing where there is no valgrind."""
    if shutil.which("valgrind") is None:
        print("  valgrind is not here, so no instructions are counted.", file=sys.stderr)
        return
    names = ("raw", *PIECES, "again")
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        before, *after = pool.map(_instructions, ("raw", *names), (0, *repeat(TIMES, len(names))))
    counted = {name: (count - before) // TIMES for name, count in zip(names, after, strict=True)}
    apart = "; ".join(f"{what} {counted[name]:,}" for name, what in PIECES.items())
    for name, what, note in (
        ("decide", "gate decision, ES256", f"a raw verification {counted['raw']:,}; {apart}"),
        ("again", "the same token again", f"{counted['again']:,}"),
    ):
        ratio = counted[name] / counted["raw"]
        yield Row(f"{what}, in instructions", None, ratio, None, "one raw ES256 verification", note=note)


def _instructions(name: str, times: int) -> int:
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", sys.executable, "-m", __name__]
    ran = subprocess.run(  # noqa: S603
        [*command, name, str(times)],
        env={**os.environ, "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=True,
        timeout=_LIMIT,
    )
    found = _COUNTED.search(ran.stderr)
    if found is None:
        raise ValueError("valgrind counted nothing")
    return int(found[1])


def _issued() -> Issued:
    """Tokens that are the same each time, the signatures too (RFC 6979)."""
    numbers = _KEY.public_key().public_numbers()
    x, y = (base64url.encode(number.to_bytes(32, "big")) for number in (numbers.x, numbers.y))
    kid = base64url.encode(bytes(32))
    public_jwk = {"kty": "EC", "crv": "P-256", "x": x, "y": y, "use": "sig", "alg": "ES256", "kid": kid}
    issued = issue(SigningKey(kid, "ES256", _KEY), public_jwk, TIMES + 1, NOW, Random(0).randbytes)  # noqa: S311
    return Issued(
        issued.alg, issued.issuer, issued.audience, issued.jwk_set, tuple(map(_signed_again, issued.tokens))
    )


def _signed_again(token: str) -> str:
    start = token.rpartition(".")[0]
    r, s = decode_dss_signature(_KEY.sign(start.encode(), ec.ECDSA(SHA256(), deterministic_signing=True)))
    return f"{start}.{base64url.encode(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


def _main(name: str, times: str) -> None:
    """All subjects are made and have run once before the first of those that are counted."""
    gc.disable()
    subjects = pieces(_issued(), lambda: NOW)
    for call in subjects.values():
        call()
    for _ in repeat(None, int(times)):
        subjects[name]()


if __name__ == "__main__":
    _main(*sys.argv[1:])
