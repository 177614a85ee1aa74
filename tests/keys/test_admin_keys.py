"""`python -m chalicelib.admin keys list|rotate|revoke KID`: what it prints, asks, changes and returns."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from chalicelib.admin.__main__ import main
from chalicelib.keys.ring import KeyEntry, Purpose
from chalicelib.services import Services, install
from chalicelib.stores import aws
from tests.support.aws_calls import failing
from tests.support.client import Client, Clock

ROOT = Path(__file__).parent.parent.parent
QUESTION = "Everything that this key signed stops working. Revoke it? [y/N] "

pytestmark = pytest.mark.usefixtures("ring")


@dataclass(frozen=True)
class Ran:
    """One run of the command."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output, which is one JSON document and nothing else."""
        return json.loads(self.out)


Admin = Callable[..., Ran]


@pytest.fixture
def admin(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Admin:
    """Runs the command in this process; `typed` is its standard input."""

    def run(*arguments: str, typed: str = "") -> Ran:
        monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
        capsys.readouterr()
        status = main(arguments)
        return Ran(status, *capsys.readouterr())

    return run


def in_a_process(*arguments: str, environment: dict[str, str] | None = None, typed: str = "") -> Ran:
    command: Sequence[str] = [sys.executable, "-m", "chalicelib.admin", *arguments]
    ran = subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ if environment is None else environment,
        input=typed,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return Ran(ran.returncode, ran.stdout, ran.stderr)


def entry(services: Services, purpose: Purpose = Purpose.ACCESS_TOKEN) -> KeyEntry:
    """The newest key."""
    return [entry for entry in services.key_store.load() if entry.purpose is purpose][-1]


# --- list


def test_the_list_is_a_table(services: Services, admin: Admin) -> None:
    ran = admin("keys", "list")
    heading, *rows = (line.split() for line in ran.out.splitlines())
    assert heading == ["kid", "purpose", "alg", "role", "published_at", "signs_from", "gone_at"]
    assert rows == [
        [entry(services).kid, "access_token", "ES256", "active", *["2027-01-15T08:00:00Z"] * 2],
        [
            entry(services, Purpose.REFRESH_TOKEN).kid,
            "refresh_token",
            "HS256",
            "active",
            *["2027-01-15T08:00:00Z"] * 2,
        ],
    ]
    assert (ran.status, ran.err) == (0, "")


def test_the_list_as_json_says_the_same(services: Services, admin: Admin) -> None:
    (first, _) = admin("keys", "list", "--json").json["keys"]
    assert first == {
        "kid": entry(services).kid,
        "purpose": "access_token",
        "alg": "ES256",
        "role": "active",
        "published_at": "2027-01-15T08:00:00Z",
        "signs_from": "2027-01-15T08:00:00Z",
        "gone_at": "",
    }


def test_the_list_shows_every_role(services: Services, admin: Admin, clock: Clock) -> None:
    def roles() -> list[str]:
        listed = admin("keys", "list", "--json").json["keys"]
        return [key["role"] for key in listed if key["purpose"] == "access_token"]

    assert roles() == ["active"]
    admin("keys", "rotate")
    assert roles() == ["active", "pending"]
    clock.now = entry(services).signs_from
    assert roles() == ["retired", "active"]
    clock.advance(services.settings.access_token_lifetime + 60)
    assert roles() == ["gone", "active"]
    admin("keys", "revoke", entry(services).kid, "--yes")
    assert "revoked" in roles()


def test_a_list_of_nothing_is_empty(services: Services, admin: Admin, empty_ring: None) -> None:
    for made in services.key_store.load():
        services.key_store.remove(made)
    assert admin("keys", "list", "--json").json == {"keys": []}
    assert admin("keys", "list").status == 0


# --- rotate


def test_rotating_publishes_the_next_key_of_each_purpose(services: Services, admin: Admin) -> None:
    ran = admin("keys", "rotate", "--json")
    assert set(ran.json["added"]) == {entry(services, purpose).kid for purpose in Purpose}
    assert (ran.status, ran.err) == (0, "")
    assert [made.serial for made in services.key_store.load()] == [1, 2, 1, 2]


@pytest.mark.parametrize("purpose", Purpose)
def test_rotating_for_one_purpose_leaves_the_other(services: Services, admin: Admin, purpose: Purpose) -> None:
    ran = admin("keys", "rotate", "--purpose", purpose.value, "--json")
    assert ran.json == {"added": [entry(services, purpose).kid]}
    assert len(list(services.key_store.load())) == 3


def test_rotating_says_in_words_what_it_published(services: Services, admin: Admin) -> None:
    ran = admin("keys", "rotate", "--purpose", "access_token")
    assert ran.out == f"Published: {entry(services).kid}. See when they sign with: keys list\n"


def test_rotating_an_empty_ring_makes_keys_that_sign_at_once(
    services: Services, admin: Admin, client: Client, empty_ring: None
) -> None:
    for made in services.key_store.load():
        services.key_store.remove(made)
    assert admin("keys", "rotate").status == 0
    assert {made["role"] for made in admin("keys", "list", "--json").json["keys"]} == {"active"}


# --- revoke


def test_revoking_names_the_key_that_signs_instead(services: Services, admin: Admin) -> None:
    kid = entry(services).kid
    ran = admin("keys", "revoke", kid, "--yes", "--json")
    assert ran.json == {"revoked": kid, "signs_instead": entry(services).kid}
    assert entry(services).kid != kid
    assert (ran.status, ran.err) == (0, "")


def test_revoking_says_it_in_words(services: Services, admin: Admin) -> None:
    ran = admin("keys", "revoke", entry(services).kid, "--yes")
    assert ran.out == f"Revoked. {entry(services).kid} signs from now on.\n"


def test_revoking_a_key_that_does_not_sign_puts_none_in_its_place(services: Services, admin: Admin) -> None:
    admin("keys", "rotate")
    assert admin("keys", "revoke", entry(services).kid, "--yes").out == "Revoked.\n"


@pytest.mark.parametrize("typed", ["y\n", "Y\n", "yes\n", " yes \n"])
def test_who_agrees_revokes(services: Services, admin: Admin, typed: str) -> None:
    ran = admin("keys", "revoke", entry(services).kid, "--json", typed=typed)
    assert (ran.status, ran.err) == (0, QUESTION)
    assert set(ran.json) == {"revoked", "signs_instead"}


@pytest.mark.parametrize("typed", ["", "\n", "n\n", "no\n", "yesterday\n"])
def test_who_does_not_agree_changes_nothing(services: Services, admin: Admin, typed: str) -> None:
    before = list(services.key_store.load())
    ran = admin("keys", "revoke", entry(services).kid, "--json", typed=typed)
    assert (ran.status, ran.out, ran.err) == (1, "", f"{QUESTION}Nothing was changed.\n")
    assert list(services.key_store.load()) == before


# --- What goes wrong


def test_an_unknown_key_is_one_line(admin: Admin) -> None:
    ran = admin("keys", "revoke", "unknown", "--yes", "--json")
    assert (ran.status, ran.out, ran.err) == (1, "", "There is no such key.\n")


def test_a_key_that_was_revoked_already_is_one_line(services: Services, admin: Admin) -> None:
    kid = entry(services).kid
    admin("keys", "revoke", kid, "--yes")
    ran = admin("keys", "revoke", kid, "--yes")
    assert (ran.status, ran.out, ran.err) == (1, "", "This key was revoked already.\n")


def test_a_store_that_fails_is_one_line(services: Services, admin: Admin, monkeypatch: pytest.MonkeyPatch) -> None:
    with failing("Query"):
        ran = admin("keys", "list", "--json")
    assert (ran.status, ran.out, ran.err.count("\n")) == (1, "", 1)
    assert ran.err == "The service is briefly unavailable. Please try again. (Query: InternalServerError)\n"


@pytest.mark.parametrize(
    ("variable", "text", "said"),
    [
        ("GATEHOUSE_SIGNING_ALG", "HS256", "GATEHOUSE_SIGNING_ALG must be one of ES256, EdDSA, RS256\n"),
        ("GATEHOUSE_JWKS_MAX_AGE", "five", "GATEHOUSE_JWKS_MAX_AGE must be a whole number from 0 to 999999999\n"),
    ],
)
def test_a_setting_that_is_wrong_is_one_line(
    admin: Admin, monkeypatch: pytest.MonkeyPatch, variable: str, text: str, said: str
) -> None:
    monkeypatch.setenv(variable, text)
    install(None)
    ran = admin("keys", "list")
    assert (ran.status, ran.out, ran.err) == (1, "", said)


def test_an_environment_without_a_region_is_one_line(admin: Admin, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name)
    monkeypatch.setattr("chalicelib.services.connect", aws.connect)
    monkeypatch.setattr("boto3.DEFAULT_SESSION", None)
    install(None)
    ran = admin("keys", "list")
    assert (ran.status, ran.out) == (1, "")
    assert ran.err == "The service is briefly unavailable. Please try again. (NoRegionError)\n"


@pytest.mark.parametrize("arguments", [[], ["keys"], ["keys", "revoke"], ["keys", "rotate", "--purpose", "x"]])
def test_a_command_that_is_none_says_how_and_exits_with_2(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("usage: python -m chalicelib.admin")


# --- As a process of its own


def test_the_command_itself_lists_and_refuses(services: Services) -> None:
    listed = in_a_process("keys", "list", "--json")
    assert (listed.status, listed.err) == (0, "")
    assert {key["kid"] for key in listed.json["keys"]} == {made.kid for made in services.key_store.load()}
    refused = in_a_process("keys", "revoke", entry(services).kid, "--json")
    assert (refused.status, refused.out, refused.err) == (1, "", f"{QUESTION}Nothing was changed.\n")
