"""The curves: what is flat and what is not, what is counted, and the picture of them."""

from typing import Any
from xml.etree import ElementTree

import pytest

from bench import costs, picture
from bench.containers import repeatable
from bench.costs import Cost
from bench.growth import FLAT, Curve
from bench.picture import Panel
from infra.emulated.aws_calls import Call

_SVG = "{http://www.w3.org/2000/svg}"


def curve(*cpu: float, why: str = "", units: tuple[float, ...] = (2, 2, 2)) -> Curve:
    counted = [Cost(2, each, 0) for each in units]
    return Curve("refresh", "sessions", (1, 100, 1000), cpu, (1, 1), counted, why)


def drawn(*panels: Panel) -> ElementTree.Element:
    return ElementTree.fromstring(picture.svg(panels))  # noqa: S314 (our own)


def heights(element: ElementTree.Element) -> list[list[float]]:
    """How far down each curve's points are."""
    return [
        [float(point.partition(",")[2]) for point in line.attrib["points"].split()]
        for line in element.iter(f"{_SVG}polyline")
    ]


def test_a_flat_curve_has_a_goal_and_is_held_to_its_last_point() -> None:
    row = curve(1, 1.3, 1.1).row()
    assert (row.goal, row.measured, row.holds) == (FLAT, 1.1, True)
    assert not curve(1, 1.1, 1.3).row().holds


def test_a_curve_that_must_grow_says_why_and_has_none() -> None:
    row = curve(1, 2, 3, why="it reads them all").row()
    assert (row.goal, row.holds, row.note) == (None, True, "it reads them all")


def test_a_row_tells_what_is_asked_of_aws() -> None:
    assert curve(1, 1, 1, units=(2, 3, 65)).row().to == "1 (round trips 2 to 2, units 2 to 65)"


def test_the_picture_has_a_panel_for_each_curve_and_a_line_for_what_it_shows() -> None:
    panel = curve(1, 1, 1).panel()
    gate = Panel("gate <new>", "routes", (1, 200), (1, 1), None)
    image = drawn(panel, gate)
    titles = [text.text for text in image.iter(f"{_SVG}text") if text.get("font-weight")]
    assert titles == ["refresh", "gate <new>"]
    assert len(heights(image)) == 3


def test_a_flat_curve_is_drawn_flat_and_another_up_to_the_top() -> None:
    cpu, units = heights(drawn(curve(1, 1, 1, units=(2, 4, 8)).panel()))
    assert len(set(cpu)) == 1
    assert units[0] == cpu[0] > units[1] > units[2]


def item(size: int) -> dict[str, Any]:
    """An item of so many bytes."""
    return {"pk": {"S": "x" * (size - 2)}}


def call(operation: str, answer: dict[str, Any], **parameters: object) -> Call:
    return Call("dynamodb", operation, parameters, answer)


@pytest.mark.parametrize(("size", "units"), [(4096, 1), (4097, 2)])
def test_a_read_is_a_unit_for_each_4_kb_begun(size: int, units: int) -> None:
    assert costs.cost([call("GetItem", {"Item": item(size)})]) == Cost(1, units, 0)


def test_a_query_counts_all_its_items_together_and_a_batch_each() -> None:
    found = [item(1000)] * 3
    assert costs.cost([call("Query", {"Items": found})]) == Cost(1, 1, 0)
    batch = call("BatchGetItem", {"Responses": {"t": found}}, RequestItems={"t": {"Keys": [{}] * 4}})
    assert costs.cost([batch]) == Cost(1, 4, 0)


def test_what_finds_nothing_costs_a_unit_all_the_same() -> None:
    assert costs.cost([call("GetItem", {}), call("Query", {"Items": []})]) == Cost(2, 2, 0)


def test_writes_cost_what_the_table_says_and_a_refused_one_a_unit() -> None:
    transaction = call("TransactWriteItems", {"ConsumedCapacity": [{"CapacityUnits": 2}, {"CapacityUnits": 4}]})
    refused = call("UpdateItem", {"Error": {"Code": "ConditionalCheckFailedException"}})
    assert costs.cost([transaction, refused]) == Cost(2, 0, 7)


def test_unsealing_costs_a_round_trip_and_no_unit() -> None:
    assert costs.cost([Call("kms", "Decrypt", {}, {})]) == Cost(1, 0, 0)


def test_a_refresh_is_made_again_where_it_has_come_to() -> None:
    values = {":generation": {"N": "0"}, ":next": {"N": "1"}, ":now": {"N": "9"}}
    update = call("UpdateItem", {}, TableName="sessions", ExpressionAttributeValues=values)
    ((service, method, parameters),) = repeatable([update])
    assert (service, method, parameters["TableName"]) == ("dynamodb", "update_item", "sessions")
    assert parameters["ExpressionAttributeValues"] == {**values, ":generation": {"N": "1"}}
    assert update.parameters["ExpressionAttributeValues"] == values
