"""Roles follow from times (design: Keys)."""

import base64
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.keys import material as keys
from chalicelib.keys.material import NewKey
from chalicelib.keys.ring import KeyEntry, KeyRing, Purpose, Role

OUTLIVES = {Purpose.ACCESS_TOKEN: 900, Purpose.REFRESH_TOKEN: 10_000, Purpose.ID_TOKEN: 900}


def entry(key: NewKey, signs_from: int) -> KeyEntry:
    return KeyEntry(key.kid, key.purpose, key.alg, key.secret, signs_from - 600, signs_from, key.public_jwk)


def hmac(number: int, signs_from: int) -> KeyEntry:
    return entry(keys.new_hmac_key(number.to_bytes(4, "big"), bytes([number]) * 32), signs_from)


@given(st.lists(st.integers(0, 100_000), min_size=1, max_size=6, unique=True), st.integers(0, 200_000))
def test_at_most_one_key_signs_and_it_is_the_newest_that_has_begun(starts: list[int], now: int) -> None:
    ring = KeyRing(tuple(hmac(n, start) for n, start in enumerate(starts)), OUTLIVES)
    active = ring.active(Purpose.REFRESH_TOKEN, "HS256", now)
    begun = [start for start in starts if start <= now]
    assert (active.signs_from if active else None) == (max(begun) if begun else None)


@given(
    st.lists(st.integers(0, 100_000), min_size=1, max_size=6, unique=True),
    st.integers(0, 100_000),
    st.integers(0, 9_999),
)
def test_what_a_key_made_is_accepted_for_as_long_as_it_lives(starts: list[int], made_at: int, age: int) -> None:
    ring = KeyRing(tuple(hmac(n, start) for n, start in enumerate(starts)), OUTLIVES)
    maker = ring.active(Purpose.REFRESH_TOKEN, "HS256", made_at)
    if maker is not None:
        assert maker in ring.usable(Purpose.REFRESH_TOKEN, made_at + age)


def test_a_key_is_gone_when_nothing_that_it_made_can_live() -> None:
    ring = KeyRing((hmac(1, 0), hmac(2, 5_000)), OUTLIVES)
    assert len(ring.usable(Purpose.REFRESH_TOKEN, 14_999)) == 2
    assert [key.kid for key in ring.usable(Purpose.REFRESH_TOKEN, 15_000)] == ["00000002"]


def test_a_pending_key_is_published_and_does_not_sign() -> None:
    old, new = keys.new_signing_key(), keys.new_signing_key()
    ring = KeyRing((entry(old, 0), entry(new, 1_000)), OUTLIVES)
    assert {jwk["kid"] for jwk in ring.jwk_set(999)["keys"]} == {old.kid, new.kid}
    active = ring.active(Purpose.ACCESS_TOKEN, "ES256", 999)
    assert active is not None
    assert active.kid == old.kid


def test_the_jwk_set_has_public_halves_of_signing_keys_alone() -> None:
    ring = KeyRing((entry(keys.new_signing_key(), 0), hmac(1, 0)), OUTLIVES)
    (jwk,) = ring.jwk_set(0)["keys"]
    assert set(jwk) == {"kty", "crv", "x", "y", "use", "alg", "kid"}


def test_a_key_id_is_the_rfc_7638_thumbprint() -> None:
    key = keys.new_signing_key()
    assert key.kid == key.public_jwk["kid"] if key.public_jwk else False
    assert len(base64.urlsafe_b64decode(key.kid + "=")) == 32


def test_the_thumbprint_of_rfc_7638_section_3_1() -> None:
    n = (
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n"
        "3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zg"
        "dAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFC"
        "ur-kEgU8awapJzKnqDKgw"
    )
    assert keys.thumbprint({"e": "AQAB", "kty": "RSA", "n": n}) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


def test_no_key_id_looks_like_an_option_of_a_command(monkeypatch: pytest.MonkeyPatch) -> None:
    thumbprints = iter(["-option", "kid"])
    monkeypatch.setattr(keys, "thumbprint", lambda _: next(thumbprints))
    assert keys.new_signing_key().kid == "kid"


def test_a_key_for_one_purpose_is_not_the_sealed_secret_itself() -> None:
    made = hmac(1, 0)
    assert keys.hmac_key(made, made.sealed).key != made.sealed


def test_every_public_half_of_every_purpose_is_in_the_jwk_set() -> None:
    made = keys.new_signing_key("RS256", Purpose.ID_TOKEN), keys.new_signing_key("ES256", Purpose.ID_TOKEN)
    ring = KeyRing(tuple(entry(key, 0) for key in made), OUTLIVES)
    assert {jwk["kid"] for jwk in ring.jwk_set(0)["keys"]} == {key.kid for key in made}
    for key in made:
        signer = ring.signer(Purpose.ID_TOKEN, key.alg, 0)
        assert signer is not None
        assert signer.kid == key.kid
    assert ring.signer(Purpose.ACCESS_TOKEN, "ES256", 0) is None


def test_until_an_algorithm_has_a_key_that_signs_the_one_before_does() -> None:
    old, new = entry(keys.new_signing_key("ES256"), 0), entry(keys.new_signing_key("EdDSA"), 1_000)
    ring = KeyRing((replace(old, signs_until=1_500), new), OUTLIVES)
    signers = [ring.signer(Purpose.ACCESS_TOKEN, "EdDSA", now) for now in (999, 1_000, 1_600)]
    assert [signer and signer.kid for signer in signers] == [old.kid, new.kid, new.kid]
    signers = [ring.signer(Purpose.ACCESS_TOKEN, "ES256", now) for now in (1_000, 1_499, 1_500)]
    assert [signer and signer.kid for signer in signers] == [old.kid, old.kid, new.kid]


def test_where_several_other_algorithms_sign_the_newest_key_does() -> None:
    older, newer = entry(keys.new_signing_key("ES256"), 10), entry(keys.new_signing_key("RS256"), 20)
    for entries in ((older, newer), (newer, older)):
        assert KeyRing(entries, OUTLIVES).signer(Purpose.ACCESS_TOKEN, "EdDSA", 30) == newer
        assert KeyRing(entries, OUTLIVES).signer(Purpose.ACCESS_TOKEN, "ES256", 30) == older


def test_a_revoked_key_is_nothing_else_whatever_the_time() -> None:
    revoked = replace(hmac(1, 100), revoked_at=150)
    ring = KeyRing((revoked, hmac(2, 200)), OUTLIVES)
    assert {ring.role(revoked, now) for now in (0, 100, 150, 200, 50_000)} == {Role.REVOKED}


def test_an_end_of_its_own_goes_before_the_next_key_s_beginning() -> None:
    first, promoted = replace(hmac(1, 0), signs_until=5_000, serial=1), replace(hmac(2, 0), serial=2)
    ring = KeyRing((first, promoted), OUTLIVES)
    assert ring.active(Purpose.REFRESH_TOKEN, "HS256", 1) == promoted
    roles = [ring.role(first, now) for now in (1, 14_999, 15_000)]
    assert roles == [Role.RETIRED, Role.RETIRED, Role.GONE]


def test_a_key_whose_successor_has_ended_signs_no_more() -> None:
    ring = KeyRing((hmac(1, 0), replace(hmac(2, 100), signs_until=200)), OUTLIVES)
    assert ring.active(Purpose.REFRESH_TOKEN, "HS256", 199) is not None
    assert ring.active(Purpose.REFRESH_TOKEN, "HS256", 200) is None


def test_a_key_whose_successor_was_revoked_signs_no_more_but_where_that_had_not_begun() -> None:
    first, second = hmac(1, 0), hmac(2, 100)
    begun = KeyRing((first, replace(second, revoked_at=101)), OUTLIVES)
    assert begun.active(Purpose.REFRESH_TOKEN, "HS256", 200) is None
    assert begun.gone_at(first) == 10_100
    pending = KeyRing((first, replace(second, revoked_at=100)), OUTLIVES)
    assert pending.active(Purpose.REFRESH_TOKEN, "HS256", 200) == first


def test_a_key_that_ends_before_it_begins_is_nobody_s_successor() -> None:
    never = replace(hmac(1, 5_000), signs_until=4_000)
    signing = replace(hmac(2, 4_500), serial=3)
    ring = KeyRing((never, signing), OUTLIVES)
    assert ring.role(never, 4_000) is Role.RETIRED
    assert ring.signed_until(signing) is None
    assert ring.active(Purpose.REFRESH_TOKEN, "HS256", 6_000) == signing
