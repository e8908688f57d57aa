"""Usage that attributes tell apart: invoices, explanations, late usage and regenerated invoices agree."""

import json
import tomllib
from decimal import Decimal

import pytest

from monthclose.domain.pricing.reading import read_book
from tests.unit.invoices.late_usage import NOVEMBER, close, lines, load
from tests.unit.invoices.test_late_pricing import a_world, explained, previewed
from tests.world import OCTOBER, World

BOOK = """
[[prices]]
sku = "vm"
currency = "USD"
cells = [
  { where = { region = "eu", tier = ["ssd", "nvme"] }, unit_price = 3 },
  { where = { region = "eu" }, unit_price = 2 },
  { unit_price = 1 },
]
[[prices]]
sku = "calls"
currency = "USD"
unit_price = 1
group_by = ["project"]
[[prices]]
sku = "peak"
currency = "USD"
unit_price = 1
bucket = "hour"
bucket_aggregation = "max"
aggregation = "max"
"""


@pytest.fixture
def world() -> World:
    return a_world(read_book(tomllib.loads(BOOK, parse_float=Decimal)))


def use(world: World, event_id: str, quantity: int, sku: str = "vm", /, **attributes: str) -> None:
    event = {"event_id": event_id, "quantity": str(quantity), "sku": sku, "attributes": json.dumps(attributes)}
    assert load(world, event) == []


def billed(world: World) -> dict[str, int]:
    return {line["description"]: line["amount_minor"] for line in lines(world, OCTOBER)}


def some_usage(world: World) -> None:
    use(world, "a", 10, region="eu", tier="ssd")
    use(world, "b", 5, region="eu", tier="nvme")
    use(world, "c", 7, region="eu")
    use(world, "d", 4, region="us", tier="ssd")
    use(world, "e", 2)
    use(world, "f", 6, "calls", project="web")
    use(world, "g", 1, "calls")
    use(world, "h", 9, "peak")


def test_each_line_says_which_usage_it_is_for_and_is_explained_by_that_usage(world: World) -> None:
    some_usage(world)

    preview = explained(world, previewed(world))
    close(world, OCTOBER)

    assert billed(world) == {
        "vm": 600,
        "vm (eu)": 1400,
        "vm (eu, nvme, ssd)": 4500,
        "calls (no project)": 100,
        "calls (web)": 600,
        "peak": 900,
    }
    assert {line["description"]: [event["event_id"] for event in line["events"]["first"]] for line in preview} == {
        "vm": ["d", "e"],
        "vm (eu)": ["c"],
        "vm (eu, nvme, ssd)": ["a", "b"],
        "calls (no project)": ["g"],
        "calls (web)": ["f"],
        "peak": ["h"],
    }
    (peak,) = (line for line in preview if line["sku"] == "peak")
    assert peak["in_words"][0] == "max per hour; max of these: 9"


def test_late_usage_is_adjusted_cell_by_cell(world: World) -> None:
    some_usage(world)
    close(world, OCTOBER)

    use(world, "late", 1, region="eu", tier="nvme")
    use(world, "i", 2, "calls", project="api")
    close(world, NOVEMBER)

    assert {line["description"]: line["amount_minor"] for line in lines(world, NOVEMBER)} == {
        "vm (eu, nvme, ssd), adjustment for 2026-10": 300,
        "calls (api), adjustment for 2026-10": 200,
    }


def test_a_regenerated_invoice_has_a_late_correction_of_an_attribute(world: World) -> None:
    some_usage(world)
    close(world, OCTOBER)
    moved = {"event_id": "c2", "replaces": "c", "quantity": "7", "attributes": json.dumps({"region": "us"})}
    assert load(world, moved) == []

    invoice = world.month("acme", OCTOBER).invoice
    assert invoice
    world.regenerator.regenerate(invoice.number, "another region")

    assert billed(world) == {
        "vm": 1300,
        "vm (eu, nvme, ssd)": 4500,
        "calls (no project)": 100,
        "calls (web)": 600,
        "peak": 900,
    }


def test_usage_of_no_cell_parks_the_customer_until_a_price_is_imported() -> None:
    world = a_world(
        read_book({"prices": [{"sku": "vm", "currency": "USD", "unit_price": 2, "where": {"region": "eu"}}]})
    )
    use(world, "a", 1, region="eu")
    use(world, "b", 1, region="ap")
    close(world, OCTOBER)
    parking = world.month("acme", OCTOBER).parking
    assert parking
    assert (parking.reason, "region = ap" in parking.detail) == ("no_price", True)

    prices = [
        {"sku": "vm", "currency": "USD", "unit_price": price, "where": {"region": region}}
        for region, price in (("eu", 2), ("ap", 5))
    ]
    world.price_books.merge(read_book({"prices": prices}))
    close(world, OCTOBER)

    assert billed(world) == {"vm (ap)": 500, "vm (eu)": 200}
