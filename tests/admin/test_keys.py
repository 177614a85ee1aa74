"""`keys list|rotate|revoke KID`: what it prints, asks, changes and returns."""

import pytest

from chalicelib.keys.ring import KeyEntry, Purpose
from chalicelib.services import Services, install
from chalicelib.stores import aws
from tests.admin.conftest import Admin, in_a_process
from tests.keys.expected import PURPOSES
from tests.support.aws_calls import failing
from tests.support.client import Client, Clock

QUESTION = "Everything that this key signed stops working. Revoke it? [y/N]: "

pytestmark = pytest.mark.usefixtures("ring")


def entries(services: Services, purpose: Purpose = Purpose.ACCESS_TOKEN) -> list[KeyEntry]:
    """The keys of `purpose`, by their numbers: of a new ring, the active key and the standby."""
    return [entry for entry in services.key_store.load() if entry.purpose is purpose]


def entry(services: Services, purpose: Purpose = Purpose.ACCESS_TOKEN) -> KeyEntry:
    """The first key."""
    return entries(services, purpose)[0]


# --- list


def test_the_list_is_a_table(services: Services, admin: Admin) -> None:
    ran = admin("keys", "list")
    heading, *rows = (line.split() for line in ran.out.splitlines())
    assert heading == ["kid", "purpose", "alg", "role", "published_at", "signs_from", "gone_at"]
    now, then = "2027-01-15T08:00:00Z", "2027-02-14T08:00:00Z"
    (first, second), (third, fourth) = (entries(services, purpose) for purpose in PURPOSES)
    assert rows == [
        [first.kid, "access_token", "ES256", "active", now, now, "2027-02-14T08:16:00Z"],
        [second.kid, "access_token", "ES256", "pending", now, then],
        [third.kid, "refresh_token", "HS256", "active", now, now, "2027-02-28T08:02:00Z"],
        [fourth.kid, "refresh_token", "HS256", "pending", now, then],
    ]
    assert (ran.status, ran.err) == (0, "")


def test_the_list_as_json_says_the_same(services: Services, admin: Admin) -> None:
    (first, *_) = admin("keys", "list", "--json").json["keys"]
    assert first == {
        "kid": entry(services).kid,
        "purpose": "access_token",
        "alg": "ES256",
        "role": "active",
        "published_at": "2027-01-15T08:00:00Z",
        "signs_from": "2027-01-15T08:00:00Z",
        "gone_at": "2027-02-14T08:16:00Z",
    }


def test_the_list_shows_every_role(services: Services, admin: Admin, clock: Clock) -> None:
    def roles() -> list[str]:
        listed = admin("keys", "list", "--json").json["keys"]
        return [key["role"] for key in listed if key["purpose"] == "access_token"]

    assert roles() == ["active", "pending"]
    clock.now = entries(services)[1].signs_from
    assert roles() == ["retired", "active"]
    clock.advance(services.settings.access_token_lifetime + 60)
    assert roles() == ["gone", "active"]
    admin("keys", "revoke", entries(services)[1].kid, "--yes")
    assert "revoked" in roles()


def test_a_list_of_nothing_is_empty(services: Services, admin: Admin, empty_ring: None) -> None:
    for made in services.key_store.load():
        services.key_store.remove(made)
    assert admin("keys", "list", "--json").json == {"keys": []}
    assert admin("keys", "list").status == 0


# --- rotate


def test_rotating_lets_the_standby_of_each_purpose_sign_and_publishes_the_next_key(
    services: Services, admin: Admin
) -> None:
    standbys = [entries(services, purpose)[1].kid for purpose in PURPOSES]
    ran = admin("keys", "rotate", "--json")
    assert ran.json == {"sign": standbys}
    assert (ran.status, ran.err) == (0, "")
    assert [made.serial for made in services.key_store.load()] == [1, 2, 3, 1, 2, 3]


@pytest.mark.parametrize("purpose", PURPOSES)
def test_rotating_for_one_purpose_leaves_the_other(services: Services, admin: Admin, purpose: Purpose) -> None:
    ran = admin("keys", "rotate", "--purpose", purpose.value, "--json")
    assert ran.json == {"sign": [entries(services, purpose)[1].kid]}
    assert len(list(services.key_store.load())) == 5


def test_rotating_says_in_words_what_signs(services: Services, admin: Admin) -> None:
    ran = admin("keys", "rotate", "--purpose", "access_token")
    assert ran.out == f"{entries(services)[1].kid}: signs from now on, and the next key is published.\n"


def test_rotating_what_no_setting_names_does_nothing(services: Services, admin: Admin) -> None:
    ran = admin("keys", "rotate", "--purpose", "id_token")
    assert (ran.status, ran.out) == (0, "Nothing to rotate, or another run has just done it.\n")
    assert len(list(services.key_store.load())) == 4


def test_rotating_an_empty_ring_makes_keys_that_sign_at_once(
    services: Services, admin: Admin, client: Client, empty_ring: None
) -> None:
    for made in services.key_store.load():
        services.key_store.remove(made)
    assert admin("keys", "rotate").status == 0
    roles = [made["role"] for made in admin("keys", "list", "--json").json["keys"]]
    assert roles == ["active", "pending"] * len(PURPOSES)


# --- revoke


def test_revoking_names_the_key_that_signs_instead(services: Services, admin: Admin) -> None:
    kid = entry(services).kid
    ran = admin("keys", "revoke", kid, "--yes", "--json")
    assert ran.json == {"revoked": kid, "signs_instead": entries(services)[1].kid}
    assert (ran.status, ran.err) == (0, "")


def test_revoking_says_it_in_words(services: Services, admin: Admin) -> None:
    ran = admin("keys", "revoke", entry(services).kid, "--yes")
    assert ran.out == f"Revoked. {entries(services)[1].kid} signs from now on.\n"


def test_revoking_a_key_that_does_not_sign_puts_none_in_its_place(services: Services, admin: Admin) -> None:
    assert admin("keys", "revoke", entries(services)[1].kid, "--yes").out == "Revoked.\n"


@pytest.mark.parametrize("typed", ["y\n", "Y\n", "yes\n", " yes \n"])
def test_who_agrees_revokes(services: Services, admin: Admin, typed: str) -> None:
    ran = admin("keys", "revoke", entry(services).kid, "--json", typed=typed)
    assert (ran.status, ran.err) == (0, QUESTION)
    assert set(ran.json) == {"revoked", "signs_instead"}


@pytest.mark.parametrize(
    ("typed", "asked"),
    [
        ("", f"{QUESTION}\n"),  # nobody is there
        ("\n", QUESTION),
        ("n\n", QUESTION),
        ("no\n", QUESTION),
        ("yesterday\nno\n", f"{QUESTION}Error: invalid input\n{QUESTION}"),
    ],
)
def test_who_does_not_agree_changes_nothing(services: Services, admin: Admin, typed: str, asked: str) -> None:
    before = list(services.key_store.load())
    ran = admin("keys", "revoke", entry(services).kid, "--json", typed=typed)
    assert (ran.status, ran.out, ran.err) == (1, "", f"{asked}Nothing was changed.\n")
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


@pytest.mark.parametrize("arguments", [["keys", "revoke"], ["keys", "rotate", "--purpose", "x"], ["keys", "turn"]])
def test_a_wrong_call_says_how_and_exits_with_2(admin: Admin, arguments: list[str]) -> None:
    ran = admin(*arguments)
    assert (ran.status, ran.out) == (2, "")
    assert ran.err.startswith("Usage: python -m chalicelib.admin keys")


# --- As a process of its own


def test_the_command_itself_lists_and_refuses(services: Services) -> None:
    listed = in_a_process("keys", "list", "--json")
    assert (listed.status, listed.err) == (0, "")
    assert {key["kid"] for key in listed.json["keys"]} == {made.kid for made in services.key_store.load()}
    refused = in_a_process("keys", "revoke", entry(services).kid, "--json")
    assert (refused.status, refused.out, refused.err) == (1, "", f"{QUESTION}\nNothing was changed.\n")
