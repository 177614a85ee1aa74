"""Which issuer this is: the setting, else the address of the API, and never what a request says."""

import pytest

from chalicelib import issuer
from chalicelib.settings import Settings

EXECUTE_API = "https://a1b2c3.execute-api.eu-central-1.amazonaws.com/api"
AUTH = "https://auth.example"


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (Settings(), (EXECUTE_API, EXECUTE_API)),
        (Settings(issuer=AUTH), (AUTH, AUTH)),
        (Settings(audience="orders"), (EXECUTE_API, "orders")),
        (Settings(issuer=AUTH, audience="orders"), (AUTH, "orders")),
    ],
)
def test_a_setting_wins_over_the_address(settings: Settings, expected: tuple[str, str]) -> None:
    found = issuer.issuer_of(settings, "a1b2c3", "eu-central-1", "api")
    assert (found, issuer.audience_of(settings, found)) == expected


def test_china_has_a_domain_of_its_own() -> None:
    url = issuer.execute_api_url("a1b2c3", "cn-north-1", "api")
    assert url == "https://a1b2c3.execute-api.cn-north-1.amazonaws.com.cn/api"


def test_the_jwk_set_stands_under_the_issuer_or_where_the_setting_says() -> None:
    assert issuer.jwks_uri(Settings(), AUTH) == f"{AUTH}/.well-known/jwks.json"
    assert issuer.jwks_uri(Settings(jwks_uri="https://keys.example"), AUTH) == "https://keys.example"
