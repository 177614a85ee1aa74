"""The environment, checked and typed: what is unambiguous is put right, what can never work stops the start."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.accounts.password import PROFILES
from chalicelib.keys.material import SIGNING_ALGORITHMS as ALGORITHMS
from chalicelib.settings import (
    PASSWORD_PROFILES,
    SIGNING_ALGS,
    Settings,
    SettingsError,
    from_environment,
    variable,
)
from tests.support.patience import END

ROOT = Path(__file__).parents[1]
TIMES = [name for name, kind in Settings.__annotations__.items() if kind is int]
NEVER_ZERO = [
    *("access_token_lifetime", "session_idle_lifetime", "session_absolute_lifetime", "key_rotation_period"),
    *("revocation_shards", "sign_in_failures", "sign_in_failures_of_address", "sign_in_failures_window"),
    *("sign_in_failures_of_username", "sign_in_failures_of_username_window", "hashing_requests_of_address"),
]


def refused(**environment: str) -> str:
    """Why `environment` is refused: one line."""
    with pytest.raises(SettingsError) as refusal:
        from_environment(environment)
    message = str(refusal.value)
    assert message.isprintable()
    return message


def test_every_setting_has_a_default() -> None:
    settings = from_environment({})
    assert settings.access_token_lifetime == 900
    assert settings.refresh_grace == 60
    assert not settings.open_sign_up


def test_each_default_may_be_written_out() -> None:
    defaults = Settings()
    written = {
        variable(name): str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in defaults._asdict().items()
        if isinstance(value, (bool, int, str))
    }
    assert from_environment(written) == defaults


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


def test_what_is_unambiguous_is_put_right() -> None:
    settings = from_environment(
        {
            # As CloudFormation puts out the template's EndpointURL.
            "GATEHOUSE_ISSUER": "https://abc.execute-api.eu-central-1.amazonaws.com/api/",
            "GATEHOUSE_JWKS_URI": " HTTPS://ID.example:443/keys ",
            "GATEHOUSE_ALLOWED_ORIGINS": "HTTPS://A.example/  https://a.example:443\nhttp://b.example:80",
            "GATEHOUSE_REFRESH_GRACE": " 5\n",
        }
    )
    assert settings.issuer == "https://abc.execute-api.eu-central-1.amazonaws.com/api"
    assert settings.jwks_uri == "https://id.example/keys"
    assert settings.allowed_origins == ("https://a.example", "http://b.example")
    assert settings.refresh_grace == 5


@pytest.mark.parametrize(
    ("name", "text", "valid"),
    [
        ("GATEHOUSE_OPEN_SIGN_UP", "yes", "true or false"),
        ("GATEHOUSE_REFRESH_GRACE", "-1", "a whole number from 0"),
        ("GATEHOUSE_REFRESH_GRACE", "1.5", "a whole number from 0"),
        ("GATEHOUSE_REFRESH_GRACE", "", "a whole number from 0"),
        ("GATEHOUSE_REFRESH_GRACE", "1_0", "a whole number from 0"),
        ("GATEHOUSE_REFRESH_GRACE", "\u0665", "a whole number from 0"),
        ("GATEHOUSE_REFRESH_GRACE", "9" * 5_000, "a whole number from 0"),
        ("GATEHOUSE_ACCESS_TOKEN_LIFETIME", "3601", "a whole number from 1 to 3600"),
        ("GATEHOUSE_DEFAULT_SCOPE", 'a"b', "scopes"),
        ("GATEHOUSE_ALLOWED_ORIGINS", "https://a.example https://b.example/path", "https://app.example"),
        ("GATEHOUSE_ALLOWED_ORIGINS", "*", "https://app.example"),
        ("GATEHOUSE_ALLOWED_ORIGINS", "null", "https://app.example"),
        ("GATEHOUSE_ALLOWED_ORIGINS", "https://a.example,https://b.example", "separated by spaces"),
        ("GATEHOUSE_ISSUER", "https://id.example?x", "https://id.example"),
        ("GATEHOUSE_ISSUER", "id.example", "https://id.example"),
        ("GATEHOUSE_ISSUER", "https://id.example/a b", "https://id.example"),
        ("GATEHOUSE_JWKS_URI", "file:///tmp/keys.json", "https://"),
        ("GATEHOUSE_AUDIENCE", "two words", "without spaces"),
        ("GATEHOUSE_USERS_TABLE", "a\nb", "without spaces"),
        ("GATEHOUSE_GUARDED_APIS", "a1", "API_ID=SERVICE"),
        ("GATEHOUSE_SIGNING_ALG", "HS256", "ES256, EdDSA, RS256"),
        ("GATEHOUSE_PASSWORD_PROFILE", "FAST", "RFC_9106_LOW_MEMORY, OWASP_MINIMUM"),
    ],
)
def test_what_can_never_work_names_the_variable_and_what_is_valid(name: str, text: str, valid: str) -> None:
    message = refused(**{name: text})
    assert message.startswith(f"{name} must be ")
    assert valid in message


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("GATEHOUSE_ALLOWED_ORIGINS", "*"),
        ("GATEHOUSE_KEY_ROTATION_PERIOD", "1"),
        ("GATEHOUSE_DEFAULT_SCOPE", " ".join(f"scope-{number}" for number in range(1_000))),
        ("GATEHOUSE_NO_SUCH_SETTING", "1"),
    ],
)
def test_the_app_does_not_start_with_what_can_never_work(name: str, text: str) -> None:
    """Not the first request finds it, but the import that Lambda, `chalice local` and packaging make."""
    command = [sys.executable, "-c", "import app"]
    environment = os.environ | {name: text}
    ran = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=END
    )
    assert ran.returncode == 1
    last = ran.stderr.splitlines()[-1]
    assert last.startswith(f"chalicelib.settings.SettingsError: {name} ")


@pytest.mark.parametrize("name", NEVER_ZERO)
def test_zero_is_refused_where_it_would_shut_everybody_out(name: str) -> None:
    assert "a whole number from 1" in refused(**{variable(name): "0"})


@pytest.mark.parametrize("name", sorted(set(TIMES) - set(NEVER_ZERO)))
def test_zero_is_taken_where_it_means_something(name: str) -> None:
    assert getattr(from_environment({variable(name): "0"}), name) == 0


SHORTER = [
    ("refresh_grace", "session_idle_lifetime"),
    ("access_token_lifetime", "session_idle_lifetime"),
    ("session_idle_lifetime", "session_absolute_lifetime"),
]


@pytest.mark.parametrize(("shorter", "longer"), SHORTER)
def test_two_that_cannot_work_together_are_named(shorter: str, longer: str) -> None:
    pair = {variable(shorter): "601", variable(longer): "600"}
    others = {variable("access_token_lifetime"): "1", variable("refresh_grace"): "1"}
    message = refused(**others | pair)
    assert message == f"{variable(shorter)} must be at most {variable(longer)} (600), not 601"
    at_most = from_environment(others | {variable(longer): "600"} | {variable(shorter): "600"})
    assert getattr(at_most, shorter) == getattr(at_most, longer) == 600


def test_the_grace_may_be_as_long_as_a_session_may_idle() -> None:
    idle = str(Settings().session_idle_lifetime)
    assert from_environment({"GATEHOUSE_REFRESH_GRACE": idle}).refresh_grace == Settings().session_idle_lifetime


@pytest.mark.parametrize(
    ("written", "nearest"),
    [
        ("GATEHOUSE_ISUER", "GATEHOUSE_ISSUER"),
        ("GATEHOUSE_ALLOWED_ORIGIN", "GATEHOUSE_ALLOWED_ORIGINS"),
        ("GATEHOUSE_REFRESH_GRACE_SECONDS", "GATEHOUSE_REFRESH_GRACE"),
        ("gatehouse_issuer", "GATEHOUSE_ISSUER"),
        ("GATEHOUSE_JWKS_URL", "GATEHOUSE_JWKS_URI"),
    ],
)
def test_a_name_that_is_no_setting_is_refused_with_the_nearest(written: str, nearest: str) -> None:
    assert refused(**{written: ""}) == f"{written} is no setting; the nearest is {nearest}"


def test_other_variables_are_nobody_elses_business() -> None:
    assert from_environment({"PATH": "/bin", "AWS_REGION": "eu-central-1", "GATEHOUSE": "x"}) == Settings()


@given(st.dictionaries(st.sampled_from([variable(name) for name in Settings._fields]), st.text(max_size=30)))
def test_any_environment_is_read_or_refused_in_one_line(environment: dict[str, str]) -> None:
    message, settings = outcome(environment)
    if settings is None:
        assert message.isprintable()
        assert any(name in message for name in environment)
    else:
        assert settings.refresh_grace <= settings.session_idle_lifetime <= settings.session_absolute_lifetime


def outcome(environment: dict[str, str]) -> tuple[str, Settings | None]:
    try:
        return "", from_environment(environment)
    except SettingsError as error:
        return str(error), None


def test_the_choices_are_what_there_is() -> None:
    assert set(SIGNING_ALGS) == set(ALGORITHMS)
    assert set(PASSWORD_PROFILES) == set(PROFILES)


@pytest.mark.parametrize("module", ["app", "chalicelib.authorizer", "chalicelib.admin"])
def test_the_functions_and_the_command_line_refuse_at_the_start(module: str) -> None:
    command = (
        [sys.executable, "-m", module] if module.endswith("admin") else [sys.executable, "-c", f"import {module}"]
    )
    command += ["keys", "list"] if module.endswith("admin") else []
    ran = subprocess.run(
        command,
        cwd=Path(__file__).parents[1],
        env={"GATEHOUSE_ISSUER": "id.example", "AWS_DEFAULT_REGION": "eu-central-1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode != 0
    assert "GATEHOUSE_ISSUER must be an address" in ran.stderr.strip().splitlines()[-1]
