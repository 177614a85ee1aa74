"""Keys as they are sealed: what was sealed by a version before still opens, and is the same key."""

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, x25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from chalicelib.keys.material import hmac_key, signing_key
from chalicelib.keys.ring import KeyEntry, Purpose

HMAC = KeyEntry("00c0ffee", Purpose.REFRESH_TOKEN, "HS256", b"", 0, 0)
SIGNING = replace(HMAC, purpose=Purpose.ACCESS_TOKEN, alg="ES256")
PKCS8 = bytes.fromhex(
    "308187020100301306072a8648ce3d020106082a8648ce3d030107046d306b02010104200000000000000000000000000000"
    "000000000000000000000000000000000007a144034200048e533b6fa0bf7b4625bb30667c01fb607ef9f8b8a80fef5b3006"
    "28703187b2a373eb1dbde03318366d069f83a6f5900053c73633cb041b21c55e1a86c1f400b4"
)


def test_an_hmac_key_is_derived_for_its_purpose_alone() -> None:
    """HKDF-SHA256 (RFC 5869) without salt, `info` "gatehouse refresh_token": to change it signs everybody out."""
    golden = "da23e02a1bfd24115f6f3e15e3a127dd9a67270e143b6985f527af8f4a154e46"
    derived = hmac_key(HMAC, b"k" * 32)
    assert (derived.kid, derived.key.hex()) == ("00c0ffee", golden)
    assert hmac_key(replace(HMAC, purpose=Purpose.ID_TOKEN), b"k" * 32).key != derived.key


def test_a_signing_key_opens_from_pkcs8() -> None:
    opened = signing_key(SIGNING, PKCS8)
    assert isinstance(opened.private_key, ec.EllipticCurvePrivateKey)
    assert opened.private_key.private_numbers().private_value == 7
    assert (opened.kid, opened.alg) == ("00c0ffee", "ES256")


def test_a_key_of_a_kind_that_signs_nothing_is_refused() -> None:
    secret = x25519.X25519PrivateKey.generate().private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    with pytest.raises(TypeError, match="key 00c0ffee is of no kind that signs here"):
        signing_key(SIGNING, secret)
