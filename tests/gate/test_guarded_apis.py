"""Other teams' APIs at the gate: which are named, by which access table, and whether the feed is asked."""

import json
import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from chalicelib import authorizer, settings
from chalicelib.access_table import access
from chalicelib.errors import StoreUnavailableError
from chalicelib.gate import guarded_apis, revocation_feed
from chalicelib.gate.policy import AccessTable, PolicyDocument
from chalicelib.gate.routes import InexactPolicyError
from chalicelib.services import Services
from chalicelib.settings import SettingsError
from infra import template
from tests.conftest import connect
from tests.support.patience import END
from tests.support.protect_your_api import block
from tests.support.revocations import end

ROOT = Path(__file__).parents[2]
OWN = AccessTable([access("GET", "/me")])
PREFIX = "arn:aws:execute-api:us-east-1:123456789012:a1b2c3d4e5/prod"
NAMED = {"GATEHOUSE_ISSUER": "https://id.example", "GATEHOUSE_GUARDED_APIS": "own1=gatehouse a1=orders b2=orders"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of tables, with the one of the page in it."""
    (tmp_path / "orders.json").write_text(block("the access table"))
    return tmp_path


def load(folder: Path, **environment: str) -> dict[str, AccessTable]:
    return guarded_apis.load(settings.from_environment({**NAMED, **environment}), OWN, str(folder))


def policy(table: AccessTable, *scope: str) -> PolicyDocument:
    return table.policy(PREFIX, frozenset(scope))


def allowed(table: AccessTable, *scope: str) -> list[str]:
    """What a token with `scope` is allowed, without the prefix."""
    first = policy(table, *scope)["Statement"][0]
    return [resource.removeprefix(PREFIX) for resource in first["Resource"]] if first["Effect"] == "Allow" else []


# ---- The setting ----


def test_each_api_has_the_table_that_the_setting_names(folder: Path) -> None:
    tables = load(folder)
    assert tables.keys() == {"own1", "a1", "b2"}
    assert tables["own1"] is OWN
    assert tables["a1"] is tables["b2"]
    assert allowed(tables["a1"], "orders:read") == ["/GET/orders", "/GET/orders/*"]


def test_our_own_api_can_be_named_alone(folder: Path) -> None:
    assert load(folder, GATEHOUSE_GUARDED_APIS="own1=gatehouse") == {"own1": OWN}


@pytest.mark.parametrize("text", ["a1", "a1=", "=orders", "a1=orders a1=gatehouse", "a1 = orders"])
def test_what_is_no_list_of_pairs_names_the_variable(text: str) -> None:
    with pytest.raises(SettingsError, match="GATEHOUSE_GUARDED_APIS"):
        settings.from_environment({"GATEHOUSE_GUARDED_APIS": text})


def test_our_own_api_has_to_be_named_too(folder: Path) -> None:
    with pytest.raises(SettingsError, match="API_ID=gatehouse"):
        load(folder, GATEHOUSE_GUARDED_APIS="a1=orders")


def test_the_issuer_has_to_be_set(folder: Path) -> None:
    with pytest.raises(SettingsError, match="GATEHOUSE_GUARDED_APIS needs GATEHOUSE_ISSUER"):
        load(folder, GATEHOUSE_ISSUER="")


@pytest.mark.parametrize("service", ["billing", "../orders", "./orders"])
def test_a_service_without_a_file_of_that_very_name_is_refused(folder: Path, service: str) -> None:
    (folder.parent / "orders.json").write_text("{}")
    with pytest.raises(SettingsError, match=f"GATEHOUSE_GUARDED_APIS names '{service}'"):
        load(folder, GATEHOUSE_GUARDED_APIS=f"own1=gatehouse a1={service}")


def test_no_folder_is_no_file(folder: Path) -> None:
    with pytest.raises(SettingsError, match=r"there is no chalicelib/guarded/orders\.json"):
        load(folder / "nothing")


def test_a_table_that_cannot_be_read_names_its_file_and_the_route(folder: Path) -> None:
    (folder / "orders.json").write_text('{"FETCH /orders": {}}')
    with pytest.raises(
        InexactPolicyError, match=r"chalicelib/guarded/orders\.json: FETCH /orders: no such method"
    ):
        load(folder)


# ---- The table ----


def test_any_of_all_of_and_neither_mean_what_they_do_in_our_own_table() -> None:
    table = guarded_apis.read(
        '{"GET /a": {"any_of": ["x", "y"]}, "GET /b": {"all_of": ["x", "y"]},'
        ' "GET /c": {"any_of": ["x"], "all_of": ["z"]}, "GET /d": {}}'
    )
    assert allowed(table) == ["/GET/d"]
    assert allowed(table, "y") == ["/GET/a", "/GET/d"]
    assert allowed(table, "x", "y") == ["/GET/a", "/GET/b", "/GET/d"]
    assert allowed(table, "x", "z") == ["/GET/a", "/GET/c", "/GET/d"]


def test_a_row_has_methods_and_words() -> None:
    table = guarded_apis.read(
        '{"GET HEAD /a/{path+}": {"any_of": ["x"], "description": "Files.", "resource": "https://files.example"}}'
    )
    assert [str(route) for route in table.routes.all] == ["GET /a/{path+}", "HEAD /a/{path+}"]
    row = table.routes.all[0].access
    assert (row.description, row.resource) == ("Files.", "https://files.example")


def test_a_table_without_routes_allows_nothing() -> None:
    assert policy(guarded_apis.read("{}"), "x")["Statement"][0]["Effect"] == "Deny"


REFUSED = {
    "": "JSON",
    "[]": "object of routes",
    '{"GET /a": {}, "GET /a": {}}': "GET /a",
    '{"GET /a": {"any_of": ["x"], "any_of": ["y"]}}': "any_of",
    '{"GET /a": ["x"]}': "GET /a",
    '{"GET /a": {"anyOf": ["x"]}}': "GET /a",
    '{"GET /a": {"any_of": []}}': "GET /a: any_of",
    '{"GET /a": {"any_of": "x"}}': "GET /a: any_of",
    '{"GET /a": {"any_of": ["x y"]}}': "GET /a: any_of",
    '{"GET /a": {"any_of": [""]}}': "GET /a: any_of",
    '{"GET /a": {"all_of": [["x"]]}}': "GET /a: all_of",
    '{"GET/a": {}}': "GET/a",
    '{"get /a": {}}': "get /a",
    '{"ANY /a": {}, "GET /a": {}}': "GET /a and GET /a",
    '{"/a": {}}': "/a",
    '{"GET PUT/a": {}}': "GET PUT/a",
    '{"GET /a": {"description": 7}}': "GET /a: description",
    '{"GET /a": {"resource": null}}': "GET /a: resource",
    '{"GET a": {}}': "GET a",
    '{"GET /{proxy+}/a": {}}': r"GET /\{proxy\+\}/a: something follows",
    '{"GET /{a}": {}, "GET /{b}": {}}': r"GET /\{a\} and GET /\{b\} are the same",
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_not_written_as_documented_or_not_exact_is_refused(text: str) -> None:
    with pytest.raises(InexactPolicyError, match=REFUSED[text]):
        guarded_apis.read(text)


# ---- The start of the gate ----


def start(program: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A fresh interpreter runs `program` with nothing but `environment` set."""
    command = [sys.executable, "-c", program]
    path = {"PATH": os.environ["PATH"]}
    return subprocess.run(
        command, cwd=ROOT, env=path | environment, capture_output=True, text=True, check=False, timeout=END
    )


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"GATEHOUSE_GUARDED_APIS": "a1=orders"}, "SettingsError: GATEHOUSE_GUARDED_APIS must name"),
        (
            {"GATEHOUSE_GUARDED_APIS": "own1=gatehouse"},
            "SettingsError: GATEHOUSE_GUARDED_APIS needs GATEHOUSE_ISSUER",
        ),
        (NAMED, "SettingsError: GATEHOUSE_GUARDED_APIS names 'orders'"),
        ({"GATEHOUSE_GATE_READS_FEED": "true"}, "SettingsError: GATEHOUSE_GATE_READS_FEED needs"),
    ],
)
def test_what_is_missing_stops_the_app_as_packaging_imports_it(environment: dict[str, str], message: str) -> None:
    started = start("import app", **environment)
    assert started.returncode == 1
    assert message in started.stderr.splitlines()[-1]


def test_without_the_settings_the_gate_starts_without_what_they_need() -> None:
    program = "import sys, chalicelib.authorizer; print(*sys.modules)"
    loaded = start(program).stdout.split()
    assert "chalicelib.authorizer" in loaded
    assert not {
        "chalicelib.gate.guarded_apis",
        "chalicelib.gate.revocation_feed",
        "chalicelib.tokens.revocations",
        "boto3",
    } & set(loaded)


def test_with_the_setting_the_gate_has_its_feed_before_the_first_request() -> None:
    program = "import sys, chalicelib.authorizer; print(*sys.modules)"
    environment = {
        "GATEHOUSE_GATE_READS_FEED": "true",
        "GATEHOUSE_REVOCATIONS_TABLE": "feed",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    assert {"chalicelib.gate.revocation_feed", "boto3"} <= set(start(program, **environment).stdout.split())


# ---- The feed ----


def test_the_gate_finds_what_has_ended_in_the_table(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(revocation_feed, "connect", connect)
    end(services, "usr_7", "ses_1", at=services.now())
    revocations = revocation_feed.revocations(services.settings)(services.now())
    assert "ses_1" in revocations._ended


def test_the_gate_does_not_wait_for_a_table_beyond_its_time(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(revocation_feed, "connect", connect)
    monkeypatch.setattr(revocation_feed, "_PATIENCE", 0.0)
    with pytest.raises(StoreUnavailableError):
        revocation_feed.revocations(services.settings)(services.now())


# ---- The page ----


@pytest.mark.parametrize(
    ("route", "scope", "exp", "status"),
    [
        ("GET /orders", "orders:read", 4_000_000_000, 200),
        ("GET /orders", "orders:read", 1_600_000_000, 401),
        ("GET /orders", "orders:support", 4_000_000_000, 403),
        ("GET /orders/{order_id}", "orders:support", 4_000_000_000, 200),
        ("DELETE /orders/{order_id}", "orders:write", 4_000_000_000, 403),
        ("DELETE /orders/{order_id}", "orders:write orders:support", 4_000_000_000, 200),
    ],
)
def test_the_pages_function_asks_the_same_table(
    folder: Path, route: str, scope: str, exp: int, status: int
) -> None:
    (folder / "index.py").write_text(block("the function"))
    handler = runpy.run_path(str(folder / "index.py"))["handler"]
    verb, path = route.split()
    context = {"authorizer": {"exp": str(exp), "scope": scope}}
    event = {"httpMethod": verb, "resource": path, "pathParameters": None, "requestContext": context}
    assert handler(event, None)["statusCode"] == status


def test_the_pages_settings_start_with_the_pages_table(folder: Path) -> None:
    tables = load(folder, **json.loads(block("the settings")))
    assert [name for name, table in tables.items() if table is OWN] == ["g7h8i9j0k1"]


def test_the_page_validates_tokens_as_our_own_api_does() -> None:
    definition = template.resources()["RestAPI"]["Properties"]["DefinitionBody"]["securityDefinitions"]["gate"]
    expression = definition["x-amazon-apigateway-authorizer"]["identityValidationExpression"]
    assert f"IdentityValidationExpression: '{expression}'" in block("the gate")
    assert f"Default: {authorizer.CACHE_SECONDS}\n" in block("the gate")


def test_the_pages_permission_is_for_that_one_authorizer() -> None:
    # ministack does not ask for it. API Gateway Developer Guide, "Configure a Lambda authorizer".
    account = "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}"
    resources = yaml.safe_load(block("the gate"))["Resources"]
    assert resources["GatePermission"]["Properties"] == {
        "FunctionName": {"Ref": "GateArn"},
        "Action": "lambda:InvokeFunction",
        "Principal": "apigateway.amazonaws.com",
        "SourceArn": {"Fn::Sub": f"{account}:${{OrdersApi}}/authorizers/${{Gate}}"},
    }
