"""The environment, checked and typed."""

import pytest

from chalicelib.settings import SettingsError, from_environment


def test_every_setting_has_a_default() -> None:
    settings = from_environment({})
    assert settings.access_token_lifetime == 900
    assert settings.refresh_grace == 60
    assert not settings.open_sign_up


def test_each_kind_is_read() -> None:
    settings = from_environment(
        {
            "GATEHOUSE_ISSUER": "https://id.example.com",
            "GATEHOUSE_OPEN_SIGN_UP": "True",
            "GATEHOUSE_ALLOWED_ORIGINS": "https://a.example https://b.example",
            "GATEHOUSE_DEFAULT_SCOPE": "b a",
            "GATEHOUSE_REFRESH_GRACE": "5",
        }
    )
    assert settings.issuer == "https://id.example.com"
    assert settings.open_sign_up
    assert settings.allowed_origins == ("https://a.example", "https://b.example")
    assert settings.default_scope == {"a", "b"}
    assert settings.refresh_grace == 5


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("GATEHOUSE_OPEN_SIGN_UP", "yes"),
        ("GATEHOUSE_REFRESH_GRACE", "-1"),
        ("GATEHOUSE_REFRESH_GRACE", "1.5"),
        ("GATEHOUSE_DEFAULT_SCOPE", 'a"b'),
    ],
)
def test_what_cannot_be_read_names_the_variable(variable: str, text: str) -> None:
    with pytest.raises(SettingsError, match=variable):
        from_environment({variable: text})
