"""Paths taken apart, and what a pattern has in common with a route."""

import pytest

from chalicelib.gate.arn_pattern import (
    MANY,
    covers,
    crossings,
    forced,
    glob,
    leads_to,
    meet,
    overlaps,
    parse,
    with_wildcard,
)


def test_a_path_is_its_segments() -> None:
    assert parse("/a/{x}/b") == ("a", None, "b")
    assert parse("/a/{x}/{path+}") == ("a", None, MANY)
    assert parse("/") == ("",)


@pytest.mark.parametrize("part", ["v1.0:run", "$metadata", "a,b", "a+b", "k=v", "@me", "~tilde", "...", ".a"])
def test_a_literal_may_have_what_iam_gives_no_meaning(part: str) -> None:
    assert parse(f"/{part}/{{x}}") == (part, None)


@pytest.mark.parametrize("path", ["/.", "/..", "/a/./b", "/a/../b", "/${x}", "/a*", "/a?", "/%41", "/{x}y", "/ä"])
def test_what_iam_or_a_client_reads_otherwise_is_no_literal(path: str) -> None:
    with pytest.raises(ValueError, match="path part"):
        parse(path)


def test_nothing_follows_a_greedy_part() -> None:
    with pytest.raises(ValueError, match="follows the greedy part"):
        parse("/a/{path+}/b")


def test_a_parameter_is_written_as_a_star() -> None:
    assert glob(parse("/a/{x}/b")) == "/a/*/b"
    assert glob(parse("/a/{x+}")) == "/a/*"
    assert glob(parse("/")) == "/"


def test_a_wildcard_stands_in_one_star_at_a_time() -> None:
    assert with_wildcard((None, "a", MANY), "*%*") == ["/*%*/a/*", "/*/a/*%*"]


def test_a_pattern_crosses_a_slash_at_one_star_at_a_time() -> None:
    assert [glob(each) for each in crossings(("a", None, "b", None))] == ["/a/*/*/b/*", "/a/*/b/*/*"]


def test_a_greedy_part_and_the_parameters_before_it_cross_nothing() -> None:
    assert crossings(("a", None, MANY)) == []
    assert [glob(each) for each in crossings(("a", None, "b", None, MANY))] == ["/a/*/*/b/*/*"]


def test_a_star_takes_one_segment_or_more() -> None:
    assert overlaps(("a", None), ("a", None, "b")) == [("a", None, "b")]
    assert overlaps(("a", None), ("a",)) == []


def test_a_literal_forces_the_value_of_a_parameter() -> None:
    assert overlaps((None, "b"), ("a", None)) == [("a", "b")]
    assert overlaps(("b", None), ("a", None)) == []
    assert forced(("a", "b"), ("a", None)) == {"b"}
    assert forced(("a", MANY, "b"), ("a", MANY)) == {"b"}
    assert forced(("a", None), ("a", None)) == set()


def test_every_alignment_is_found() -> None:
    assert overlaps((None, "b", None), (None, None, None, None)) == [
        (None, "b", None, None),
        (None, None, "b", None),
    ]
    assert overlaps((None, "b"), ("a", MANY)) == [("a", "b"), ("a", MANY, "b")]


def test_no_parameter_is_empty() -> None:
    assert overlaps(("",), (None,)) == []
    assert overlaps(("",), (MANY,)) == []
    assert overlaps((None,), ("",)) == [("",)]


def test_a_star_leads_to_what_is_left_without_it_and_to_what_lies_behind_it() -> None:
    assert leads_to(("items", None), ("items",))
    assert leads_to((None,), ("",))
    assert leads_to(("a", None), ("a", "b", "c"))
    assert not leads_to(("items", None), ("item",))
    assert not leads_to(("a", None, "b"), ("a",))


def test_a_route_covers_any_value_for_a_parameter_only() -> None:
    assert covers((None, "b"), ("a", "b"))
    assert covers((None, "b"), (None, "b"))
    assert not covers(("a", "b"), (None, "b"))
    assert covers(("a", MANY), ("a", None, MANY))
    assert not covers(("a", None), ("a", MANY))
    assert not covers(("a", MANY), ("a",))
    assert not covers((None,), ("",))


def test_two_routes_meet_in_the_paths_of_both() -> None:
    assert meet(("a", None), (None, "b")) == ("a", "b")
    assert meet(("a", MANY), (None, None, "b")) == ("a", None, "b")
    assert meet(("a", None), ("b", None)) is None
    assert meet(("a",), ("a", None)) is None
    assert meet((None,), ("",)) is None
