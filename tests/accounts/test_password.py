"""Argon2id as PHC strings, rehash, and which new passwords are taken."""

import secrets

import pytest

from chalicelib.accounts.password import PROFILES, Passwords, Profile, check_new_password, common_passwords
from chalicelib.errors import InvalidRequestError

CHEAP = Profile(iterations=1, lanes=1, memory_cost=8)


@pytest.fixture
def passwords() -> Passwords:
    return Passwords(CHEAP, secrets.token_bytes)


def test_a_hash_is_a_phc_string_with_the_profile_in_it(passwords: Passwords) -> None:
    assert passwords.hash("correct horse").startswith("$argon2id$v=19$m=8,t=1,p=1$")


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


def test_an_unknown_user_costs_one_verification_of_today_s_profile(
    passwords: Passwords, monkeypatch: pytest.MonkeyPatch
) -> None:
    verified: list[str] = []

    class Recorder:
        @staticmethod
        def verify_phc_encoded(_: bytes, phc: str) -> None:
            verified.append(phc)

    phc = passwords.hash("correct horse")
    passwords.verify("anything", None)
    monkeypatch.setattr("chalicelib.accounts.password.Argon2id", Recorder)
    passwords.verify("anything", None)
    passwords.verify("anything", phc)
    assert len(verified) == 2
    assert verified[0].split("$")[:4] == verified[1].split("$")[:4]


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


def test_the_own_name_is_refused() -> None:
    with pytest.raises(InvalidRequestError, match="guessed"):
        check_new_password("Long.Username", "long.username")


@pytest.mark.parametrize("password", ["tr0ub4dor and 3", "twelve chars", "пароль который длинный", "y" * 11 + "z"])
def test_any_characters_will_do(password: str) -> None:
    check_new_password(password)


def test_no_common_password_is_too_short_to_matter() -> None:
    assert len(common_passwords()) > 2_000
    assert all(len(password) >= 12 and password == password.casefold() for password in common_passwords())
