"""Rows taken apart: methods, the routes that a star may reach, and what is left to a greedy path."""

from chalicelib.access_table import METHODS, access
from chalicelib.gate.arn_pattern import MANY
from chalicelib.gate.routes import Routes


def near(routes: Routes, path: str) -> list[str]:
    (index,) = [index for index, route in enumerate(routes.all) if route.access.path == path]
    return sorted(routes.all[each].access.path for each in routes.near(index))


def test_a_row_is_a_route_for_each_of_its_methods() -> None:
    assert [route.method for route in Routes([access("PUT GET", "/a")]).all] == ["GET", "PUT"]
    assert [route.method for route in Routes([access("ANY", "/a")]).all] == sorted(METHODS)


def test_near_are_the_routes_that_begin_alike() -> None:
    paths = ["/a/{x}", "/a/{x}/b", "/a", "/{y}/c", "/b/{x}", "/{all+}", "/a/b/{more+}"]
    routes = Routes([access("GET", path) for path in paths])
    assert near(routes, "/a/{x}") == ["/a", "/a/b/{more+}", "/a/{x}/b", "/{all+}", "/{y}/c"]
    assert near(routes, "/a") == []
    assert near(routes, "/{y}/c") == sorted(set(paths) - {"/{y}/c"})


def test_another_method_is_never_near() -> None:
    assert near(Routes([access("GET", "/a/{x}"), access("PUT", "/a/b")]), "/a/{x}") == []


def shapes(*paths: str) -> list[tuple[str | None, ...]]:
    return [
        route.segments
        for route in Routes([access("GET", path) for path in paths]).all
        if route.written[-1] == MANY
    ]


def test_a_greedy_path_has_the_lengths_that_no_route_of_parameters_takes() -> None:
    assert shapes("/a/{x+}") == [("a", MANY)]
    assert shapes("/a/{x+}", "/a/{x}") == [("a", None, MANY)]
    assert shapes("/a/{x+}", "/a/{x}/{y}") == [("a", None), ("a", None, None, MANY)]
    assert shapes("/a/{x+}", "/a/b/{x}") == [("a", MANY)]
    assert shapes("/{x+}", "/{x}/{y+}") == [(None,), (None, MANY)]
