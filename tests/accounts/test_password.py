"""Argon2id as PHC strings, rehash, and which new passwords are taken."""

import secrets
import unicodedata
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from threading import Lock, Semaphore
from time import sleep
from unittest.mock import Mock

import pytest
from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from chalicelib import deadline
from chalicelib.accounts.password import (
    PROFILES,
    Passwords,
    Profile,
    _decoy,
    _derivation,
    check_new_password,
    common_passwords,
    too_long,
)
from chalicelib.errors import InvalidRequestError, StoreUnavailableError

CHEAP = Profile(iterations=1, lanes=1, memory_cost=8)


@pytest.fixture
def passwords() -> Passwords:
    return Passwords(CHEAP, secrets.token_bytes)


def test_a_hash_is_a_phc_string_with_the_profile_in_it(passwords: Passwords) -> None:
    assert passwords.hash("correct horse").startswith("$argon2id$v=19$m=8,t=1,p=1$")


def test_a_hash_that_is_stored_still_verifies() -> None:
    """Who changes the form locks everybody out."""
    passwords = Passwords(CHEAP, lambda length: b"s" * length)
    golden = "$argon2id$v=19$m=8,t=1,p=1$c3Nzc3Nzc3Nzc3Nzc3Nzcw$GJr0c/LHTM0XElhft0U/rumIdMPebvlsOiZIxoLR2nU"
    assert passwords.hash("caf\u00e9 au lait") == golden
    assert passwords.verify("caf\u00e9 au lait", golden)


def test_the_recommended_profiles_are_what_their_names_say() -> None:
    # RFC 9106 §4: t=3, p=4, m=2^16 KiB. OWASP: m=19 MiB, t=2, p=1.
    assert PROFILES["RFC_9106_LOW_MEMORY"] == Profile(3, 4, 65_536)
    assert PROFILES["OWASP_MINIMUM"] == Profile(2, 1, 19_456)


def test_only_the_right_password_verifies(passwords: Passwords) -> None:
    phc = passwords.hash("correct horse")
    assert passwords.verify("correct horse", phc)
    assert not passwords.verify("correct horsf", phc)
    assert not passwords.verify("", phc)


def test_nobody_has_no_password_not_even_the_decoys(passwords: Passwords) -> None:
    assert not passwords.verify("nobody has this password", None)
    assert not passwords.verify("", None)


# --- What a check costs, counted in derivations


class Derivations(list[str]):
    """The parameters of each derivation that was made; none is really made."""

    def __call__(self, **_: object) -> None:
        raise AssertionError("a check makes no hash")

    def verify_phc_encoded(self, _: bytes, phc: str) -> None:
        self.append(phc.split("$")[3])
        raise InvalidKey

    def cost(self, passwords: Passwords, password_hash: str | None) -> list[str]:
        """What a check of a wrong password costs."""
        self.clear()
        assert not passwords.verify("anything", password_hash)
        return sorted(self)


@pytest.fixture
def derivations(monkeypatch: pytest.MonkeyPatch) -> Derivations:
    counted = Derivations()
    monkeypatch.setattr("chalicelib.accounts.password.Argon2id", counted)
    return counted


DEAR, OTHER = Profile(iterations=2, lanes=1, memory_cost=16), Profile(iterations=3, lanes=1, memory_cost=8)
CHEAP_HASH, DEAR_HASH, OTHER_HASH = (
    f"$argon2id$v=19${cost}$c2FsdHNhbHQ$aGFzaA" for cost in ("m=8,t=1,p=1", "m=16,t=2,p=1", "m=8,t=3,p=1")
)


def test_an_unknown_user_costs_one_derivation_of_today_s_profile_from_the_first_on(
    derivations: Derivations,
) -> None:
    for profile, known in ((CHEAP, CHEAP_HASH), (DEAR, DEAR_HASH)):
        passwords = Passwords(profile, secrets.token_bytes)
        assert derivations.cost(passwords, None) == derivations.cost(passwords, known)
        assert len(derivations) == 1


@pytest.mark.parametrize(("today", "former"), [(CHEAP, DEAR), (DEAR, CHEAP)])
def test_while_two_profiles_exist_each_check_costs_both(
    derivations: Derivations, today: Profile, former: Profile
) -> None:
    passwords = Passwords(today, secrets.token_bytes, former)
    costs = [derivations.cost(passwords, phc) for phc in (None, CHEAP_HASH, DEAR_HASH)]
    assert costs == [["m=16,t=2,p=1", "m=8,t=1,p=1"]] * 3


def test_a_profile_that_was_met_costs_everybody_from_then_on(derivations: Derivations) -> None:
    passwords = Passwords(CHEAP, secrets.token_bytes)
    met = derivations.cost(passwords, OTHER_HASH)
    assert met == ["m=8,t=1,p=1", "m=8,t=3,p=1"]
    assert [derivations.cost(passwords, phc) for phc in (None, CHEAP_HASH, OTHER_HASH)] == [met] * 3


def test_a_hash_that_cannot_be_read_costs_a_decoy_and_is_nobodys(passwords: Passwords) -> None:
    malformed = ["", "x", CHEAP_HASH, CHEAP_HASH.replace("t=1", "t=0"), CHEAP_HASH.replace("m=8", "m=99999999999")]
    assert not any(passwords.verify("anything", phc) for phc in malformed)
    assert not passwords.verify("anything", None)


def test_the_decoy_costs_a_real_derivation(monkeypatch: pytest.MonkeyPatch) -> None:
    # A hash that is refused for its form would cost nothing.
    with pytest.raises(InvalidKey, match="match"):
        Argon2id.verify_phc_encoded(b"anything", _decoy(CHEAP))


# --- One derivation at a time


def test_derivations_run_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    under_way, most = Semaphore(0), []

    class Slow:
        def __init__(self, **_: object) -> None: ...

        @staticmethod
        def verify_phc_encoded(_: bytes, __: str) -> None:
            under_way.release()
            most.append(under_way._value)
            sleep(0.001)
            under_way.acquire()

        def derive_phc_encoded(self, _: bytes) -> str:
            self.verify_phc_encoded(b"", "")
            return ""

    monkeypatch.setattr("chalicelib.accounts.password.Argon2id", Slow)
    several = [Passwords(CHEAP, secrets.token_bytes), Passwords(DEAR, secrets.token_bytes)]
    with ThreadPoolExecutor(8) as pool:
        done: list[Future[object]] = [pool.submit(each.verify, "anything", None) for each in several * 8]
        done += [pool.submit(each.hash, "anything") for each in several * 8]
    assert [each.exception() for each in done] == [None] * 32
    assert most == [1] * 32


def test_who_waits_too_long_is_sent_away(passwords: Passwords, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chalicelib.accounts.password.deadline.turn", partial(deadline.turn, at_most=0.01))
    with _derivation, pytest.raises(StoreUnavailableError) as refused:
        passwords.verify("anything", None)
    assert refused.value.retry_after == 1
    assert not passwords.verify("anything", None), "and the next one is not"


def test_waiting_is_no_work(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Mock(monotonic=Mock(side_effect=[0.0, 1.0, 31.0, 34.9, 35.0]))
    monkeypatch.setattr("chalicelib.deadline.time", clock)
    with deadline.within(5):
        with deadline.turn(Lock()):
            assert not deadline.passed()
        assert deadline.passed()


@pytest.mark.parametrize("method", ["derive_phc_encoded", "verify_phc_encoded"])
def test_a_real_shortage_is_the_service_s_and_lets_the_next_one_in(
    passwords: Passwords, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    short = Mock(side_effect=MemoryError)
    failing = Mock(**{method: short, f"return_value.{method}": short})
    monkeypatch.setattr("chalicelib.accounts.password.Argon2id", failing)
    calls: list[Callable[[], object]] = [lambda: passwords.hash("a"), lambda: passwords.verify("a", None)]
    for _ in range(2):
        with pytest.raises(StoreUnavailableError):
            calls[method == "verify_phc_encoded"]()


def test_hashes_of_four_lanes_still_verify() -> None:
    lanes = Passwords(Profile(iterations=1, lanes=4, memory_cost=32), secrets.token_bytes)
    assert lanes.verify("correct horse", lanes.hash("correct horse"))


def test_equal_passwords_have_different_hashes(passwords: Passwords) -> None:
    assert passwords.hash("correct horse") != passwords.hash("correct horse")


def test_composed_and_decomposed_are_one_password(passwords: Passwords) -> None:
    phc = passwords.hash("caf\u00e9 au lait")
    assert passwords.verify("cafe\u0301\u00a0au lait", phc)


def test_raised_parameters_ask_for_a_rehash(passwords: Passwords) -> None:
    phc = passwords.hash("correct horse")
    raised = Passwords(Profile(iterations=2, lanes=1, memory_cost=8), secrets.token_bytes)
    assert not passwords.needs_rehash(phc)
    assert raised.needs_rehash(phc)
    assert raised.verify("correct horse", phc)


@pytest.mark.parametrize(
    "password", ["short", "x" * 257, "aaaaaaaaaaaaaaa", "Password1234", "qwertyuiop12", "123456789012"]
)
def test_guessable_passwords_are_refused(password: str) -> None:
    with pytest.raises(InvalidRequestError):
        check_new_password(password)


def test_the_length_is_that_of_the_text_however_it_was_typed() -> None:
    assert not too_long(unicodedata.normalize("NFD", "\u1e69" * 256))
    assert too_long("\u1e69" * 257)


def test_what_is_far_too_long_is_refused_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("chalicelib.accounts.password.unicodedata")
    assert too_long("\u0301" * 31_000)


def test_the_own_name_is_refused() -> None:
    with pytest.raises(InvalidRequestError, match="guessed"):
        check_new_password("Long.Username", "long.username")


@pytest.mark.parametrize("password", ["tr0ub4dor and 3", "twelve chars", "пароль который длинный", "y" * 11 + "z"])
def test_any_characters_will_do(password: str) -> None:
    check_new_password(password)


def test_no_common_password_is_too_short_to_matter() -> None:
    assert len(common_passwords()) > 2_000
    assert all(len(password) >= 12 and password == password.casefold() for password in common_passwords())
