"""Paths taken apart, and what a pattern has in common with a route."""

from chalicelib.gate.arn_pattern import admits, glob, outranks, overlaps, parse, widened


def test_a_path_is_its_segments() -> None:
    assert parse("/a/{x}/b") == ("a", None, "b")
    assert parse("/") == ("",)


def test_a_parameter_is_written_as_a_star() -> None:
    assert glob(parse("/a/{x}/b")) == "/a/*/b"
    assert glob(parse("/")) == "/"


def test_a_pattern_is_widened_at_one_star_at_a_time() -> None:
    assert widened(("a", None, None), "*/*") == ["/a/*/*/*", "/a/*/*/*"]
    assert widened((None, "a", None), "*%*") == ["/*%*/a/*", "/*/a/*%*"]


def test_a_star_takes_one_segment_or_more() -> None:
    assert list(overlaps(("a", None), ("a", None, "b"))) == [("a", None, "b")]
    assert list(overlaps(("a", None), ("a",))) == []


def test_a_literal_forces_the_value_of_a_parameter() -> None:
    assert list(overlaps((None, "b"), ("a", None))) == [("a", "b")]
    assert list(overlaps(("b", None), ("a", None))) == []


def test_every_alignment_is_found() -> None:
    assert list(overlaps((None, "b", None), (None, None, None, None))) == [
        (None, "b", None, None),
        (None, None, "b", None),
    ]


def test_no_parameter_is_empty() -> None:
    assert list(overlaps(("",), (None,))) == []
    assert list(overlaps((None,), ("",))) == [("",)]


def test_a_route_admits_any_value_for_a_parameter_only() -> None:
    assert admits((None, "b"), ("a", "b"))
    assert admits((None, "b"), (None, "b"))
    assert not admits(("a", "b"), (None, "b"))


def test_from_the_left_a_literal_comes_before_a_parameter() -> None:
    assert outranks(("a", None), (None, "b"))
    assert not outranks((None, "b"), ("a", None))
    assert not outranks(("a",), (None, "b"))
