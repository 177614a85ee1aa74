"""What one policy for all routes denies, and which routes it cannot tell apart."""

from chalicelib.access_table import Access, access
from chalicelib.gate.routes import Routes
from chalicelib.gate.whole_api import WholeApi, message


def whole(*rows: Access) -> WholeApi:
    return WholeApi(Routes(rows))


ORDERS = (
    access("GET", "/users/{id}", "users"),
    access("GET", "/users/{id}/orders", "orders"),
    access("GET", "/users/{id}/orders/{oid}", "orders"),
    access("GET", "/users/{id}/orders/{oid}/items", "items"),
)


def test_each_conflict_names_its_three_routes_and_a_smallest_set_of_scopes() -> None:
    (conflict,) = whole(*ORDERS).conflicts()
    assert [str(route) for route in conflict[:3]] == [
        "GET /users/{id}",
        "GET /users/{id}/orders/{oid}",
        "GET /users/{id}/orders/{oid}/items",
    ]
    assert conflict[3] == {"users", "items"}
    assert "GET /users/{id}/orders/{oid} cannot be told apart where GET /users/{id} is allowed" in message(
        conflict
    )


def test_without_scopes_that_tell_them_apart_there_is_none() -> None:
    assert not list(whole(*ORDERS[:3]).conflicts())


def test_a_word_is_reserved_where_some_scopes_deny_it_alone() -> None:
    assert whole(*ORDERS[:2]).reserved_words() == set()
    assert whole(*ORDERS[:3]).reserved_words() == set()
    three = (*ORDERS[:2], access("GET", "/users/{id}/orders/{oid}", "order"))
    assert whole(*three).reserved_words() == {"orders"}


def test_a_star_that_reaches_nothing_allowed_is_denied_where_it_crosses_a_slash() -> None:
    table = whole(*ORDERS)
    assert table.denied({0}) == ["/GET/users/*%*", "/GET/users/*/*"]


def test_no_policy_denies_more_than_was_measured() -> None:
    table = whole(*ORDERS)
    for number in range(16):
        allowed = {index for index in range(4) if number >> index & 1}
        resources = [table.routes.all[index].allow for index in allowed] + table.denied(allowed)
        assert sum(len(resource) + 1 for resource in resources) <= table.most(1)
