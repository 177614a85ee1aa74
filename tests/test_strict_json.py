"""Strict JSON: what is read, and what two readers might read differently."""

import pytest

from chalicelib import strict_json
from chalicelib.strict_json import RepeatedNameError, SurrogateError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{}", {}),
        (' {"a": [1, -2.5e3, true, null, "é"]}\n', {"a": [1, -2500.0, True, None, "é"]}),
        ('{"a": {"b": 1}, "b": {"b": 1}}', {"a": {"b": 1}, "b": {"b": 1}}),
        (r'"\ud83d\ude00"', "😀"),
        (r'"\\ud800"', r"\ud800"),
        (f"{-(2**63)}", -(2**63)),
    ],
)
def test_a_value_is_read(text: str, value: object) -> None:
    assert strict_json.loads(text) == value


@pytest.mark.parametrize(
    "text",
    ["", "{", "{} {}", "NaN", "-Infinity", "1e999", "9" * 21, "\ufeff{}", "{'a': 1}", '"\0"', "[" * 100_000],
    ids=range(11),
)
def test_what_is_no_json_that_all_read_alike_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".") as refusal:
        strict_json.loads(text)
    assert not isinstance(refusal.value, RepeatedNameError | SurrogateError)


@pytest.mark.parametrize(
    "text", ['{"a": 1, "a": 1}', '[{"b": {"a": 1, "c": 2, "a": 3}}]', r'{"a": 1, "\u0061": 2}']
)
def test_a_name_that_stands_twice_in_one_object_is_refused(text: str) -> None:
    with pytest.raises(RepeatedNameError, match="a name is there twice among a"):
        strict_json.loads(text)


@pytest.mark.parametrize("text", [r'"\ud800"', r'"\uDC00\ud800"', r'{"a": [{"b": "x\uDfff"}]}', r'{"\ud800": 1}'])
def test_half_of_a_surrogate_pair_is_refused(text: str) -> None:
    with pytest.raises(SurrogateError):
        strict_json.loads(text)
