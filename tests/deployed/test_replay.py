"""One request list against `make run`'s gateway and against the packaged template on ministack.

Whatever differs stands in `DIFFERENCES` and in docs/gateway-differences.md, and nothing else differs.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.deployed.conftest import Site
from tests.deployed.requests import REQUESTS, Request

pytestmark = [pytest.mark.ministack, pytest.mark.xdist_group("deployed")]

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/gateway-differences.md").read_text()
COMPARED = {
    "content-type",
    "cache-control",
    "www-authenticate",
    "x-amzn-remapped-www-authenticate",
    "retry-after",
    "vary",
    "location",
    "set-cookie",
    "allow",
}


class Seen(NamedTuple):
    """What a client can hold on to in an answer: ids, tokens and the issuer taken out of it."""

    status: int
    headers: Mapping[str, str]
    body: object

    @property
    def problem(self) -> str:
        """Status and detail, or the status alone."""
        return f"{self.status} {self.body['detail']}" if isinstance(self.body, dict) else str(self.status)


@dataclass(frozen=True, slots=True)
class Difference:
    """What each of the two says, or where the status is the same, in which headers they differ."""

    local: str
    emulated: str


NOTHING = "404 There is nothing here."
DENIED = "403 The access token does not allow this request."
DIFFERENCES = {
    "two slashes at the end": Difference(NOTHING, DENIED),
    "an empty id": Difference(NOTHING, DENIED),
    "two slashes before what is denied": Difference(NOTHING, DENIED),
    "two slashes at the start": Difference(NOTHING, "200"),
    "two slashes before all that is denied": Difference(NOTHING, DENIED),
    "an encoded letter of a route": Difference(NOTHING, "200"),
    "an encoded letter of what is denied": Difference(NOTHING, DENIED),
    "an encoded letter of an id": Difference(DENIED, NOTHING),
    "an encoded slash in an id": Difference(DENIED, NOTHING),
    "an encoded space in an id": Difference(DENIED, NOTHING),
    "an encoded asterisk in an id": Difference(DENIED, NOTHING),
    "no UTF-8": Difference(DENIED, NOTHING),
    "a path too long": Difference("414 URI is too long", NOTHING),
    "a path too long, without a token": Difference("414 URI is too long", "401 A valid access token is required."),
}


@pytest.fixture(scope="session")
def here(local: Site) -> dict[str, Seen]:
    return dict(replayed(local))


@pytest.fixture(scope="session")
def there(emulated: Site) -> dict[str, Seen]:
    return dict(replayed(emulated))


def replayed(site: Site) -> Iterator[tuple[str, Seen]]:
    """Sends every request, and gives what was seen by the request's name."""
    values = dict(site.tokens)
    for request in REQUESTS:
        sent = request.filled(values)
        answer = site.handle(sent.method, sent.target, sent.headers, sent.body.encode())
        if request.saves:
            assert answer.status < 300, (request.name, answer)
            members = json.loads(answer.body)
            values |= {name: members[member] for name, member in request.saves.items()}
        headers = {name.lower(): value for name, value in answer.headers}
        yield request.name, seen(answer.status, headers, answer.body, {site.issuer, values.get("comment", "-")})


def seen(status: int, headers: Mapping[str, str], body: bytes, own: set[str]) -> Seen:
    """`own` is what only this site would say."""
    kept = {
        name: "…".join(re.split("|".join(map(re.escape, own)), value)) if name == "location" else value
        for name, value in headers.items()
        if name in COMPARED or name.startswith("access-control-")
    }
    if "set-cookie" in kept:
        kept["set-cookie"] = re.sub("=[^;]*", "=…", kept["set-cookie"], count=1)
    media_type = headers.get("content-type", "")
    if not body or "json" not in media_type:
        return Seen(status, kept, body)
    told = json.loads(body)
    return Seen(status, kept, told if media_type == "application/problem+json" else sorted(told))


def difference(local: Seen, emulated: Seen) -> Difference:
    if local.problem != emulated.problem:
        return Difference(local.problem, emulated.problem)
    names = sorted({*local.headers, *emulated.headers})
    unlike = [name for name in names if local.headers.get(name) != emulated.headers.get(name)]
    told = [", ".join(f"{name}: {site.headers.get(name)}" for name in unlike) for site in (local, emulated)]
    return Difference(*told)


def test_both_answer_alike_but_for_what_the_table_says(here: dict[str, Seen], there: dict[str, Seen]) -> None:
    found = {name: difference(here[name], there[name]) for name in here if here[name] != there[name]}
    assert found == DIFFERENCES


@pytest.mark.parametrize("site", ["here", "there"])
def test_every_error_is_a_problem_and_no_server_error(site: str, request: pytest.FixtureRequest) -> None:
    for name, answer in request.getfixturevalue(site).items():
        if answer.status >= 400:
            assert answer.status < 500, (name, answer)
            assert answer.headers["content-type"] == "application/problem+json" or not answer.body, (name, answer)
            assert answer.headers["cache-control"] == "no-store", name
            assert ("www-authenticate" in answer.headers) or answer.status != 401, name


@pytest.mark.parametrize("site", ["here", "there"])
def test_what_is_denied_stays_denied_however_it_is_spelled(site: str, request: pytest.FixtureRequest) -> None:
    answers = request.getfixturevalue(site)
    spelled = [name for name in answers if "denied" in name or "beyond" in name]
    assert len(spelled) > 8
    assert {answers[name].status for name in spelled} == {403, 404} - ({404} if site == "there" else set())


def test_every_request_has_a_name_of_its_own() -> None:
    assert len({request.name for request in REQUESTS}) == len(REQUESTS)


def test_a_request_that_lacks_a_value_is_not_sent() -> None:
    with pytest.raises(KeyError):
        Request("x", "GET", "/comments/$comment").filled({})


def rows(heading: str) -> list[list[str]]:
    """The rows of the table under `heading` in the page, without its head. There are some."""
    section = PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    assert len(lines) > 2, heading
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def test_the_page_has_the_very_rows_of_the_table() -> None:
    written = [(what.partition(":")[0], Difference(local, there)) for what, local, there, *_ in rows("Replayed")]
    assert dict(written) == DIFFERENCES
    assert len(written) == len(DIFFERENCES)


@pytest.mark.parametrize("heading", ["Replayed", "Not replayed"])
def test_every_row_says_what_api_gateway_documents_and_names_a_test_or_a_note(heading: str) -> None:
    for row in rows(heading):
        assert len(row) == 5, row
        assert all(row), row
        tests = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", row[4])
        assert len(tests) == row[4].count("`tests/"), row
        for path, name in tests:
            assert (f"def {name}(" if name else "def test_") in (ROOT / path).read_text(), row
