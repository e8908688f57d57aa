"""Months whose prices were of the newer kinds, priced again: late usage, and an invoice that is regenerated."""

import pytest

from monthclose.domain.pricing.reading import read_book
from tests.unit.invoices.late_usage import NOVEMBER, amounts, close, lines, use, world_of_acme
from tests.world import OCTOBER, World

TIERS = [{"up_to": 10, "unit_price": "10"}, {"unit_price": "8"}]
PRICES: dict[str, dict[str, object]] = {
    "transactions": {"model": "percentage", "percent": "2.9", "fixed_fee": "0.30", "free_transactions": 1},
    "packages within tiers": {
        "model": "graduated",
        "tiers": [{"up_to": 10, "package_price": "5", "package_size": 5}, {"package_price": "4", "package_size": 5}],
    },
    "rounded quantities": {"unit_price": "1", "divide_by": 4, "round": "up", "minimum_quantity": 3},
    "rounded events": {"unit_price": "1", "round": "up", "round_to": 5, "round_each_event": True},
    "seats held for a part of the month": {"model": "graduated", "prorated": True, "tiers": TIERS},
    "the flat amount without use": {
        "model": "volume",
        "flat_at_zero": True,
        "tiers": [{"unit_price": "1", "flat": "29"}],
    },
}


def world_with(price: dict[str, object]) -> World:
    world = world_of_acme()
    world.price_books.merge(read_book({"prices": [{"sku": "vm", "currency": "USD", **price}]}))
    return world


@pytest.mark.parametrize("price", PRICES.values(), ids=PRICES.keys())
def test_a_month_costs_the_same_whether_its_usage_came_in_time_or_late(price: dict[str, object]) -> None:
    early, late = world_with(price), world_with(price)
    for world, until in ((early, 3), (late, 1)):
        for number, (quantity, day) in enumerate([("7", "03"), ("12.5", "16"), ("4", "20")]):
            if number == until:
                close(world, OCTOBER)
            use(world, f"e{number}", quantity, time=f"2026-10-{day}")
    close(early, OCTOBER)
    for world in (early, late):
        use(world, "n1", "1", time="2026-11-02")
        close(world, NOVEMBER)

    def of_october(world: World) -> int:
        both = [*amounts(world, OCTOBER), *amounts(world, NOVEMBER)]
        return sum(minor for period, minor in both if period == "2026-10")

    assert of_october(late) == of_october(early) > 0


def test_what_is_due_without_use_is_billed_once_and_late_usage_adds_only_what_it_costs() -> None:
    world = world_with(PRICES["the flat amount without use"])
    close(world, OCTOBER)
    use(world, "late", "5", time="2026-10-20")
    close(world, NOVEMBER)
    assert amounts(world, OCTOBER) == [("2026-10", 2900)]
    assert amounts(world, NOVEMBER) == [("2026-11", 2900), ("2026-10", 500)]


def test_an_adjustment_says_how_its_quantity_was_found() -> None:
    world = world_with(PRICES["rounded quantities"])
    use(world, "e1", "4", time="2026-10-03")
    close(world, OCTOBER)
    use(world, "e2", "14", time="2026-10-20")
    close(world, NOVEMBER)
    [line] = lines(world, NOVEMBER)
    assert [step["kind"] for step in line["steps"]] == ["divided", "rounded_up", "priced_again", "billed"]
    assert (line["quantity"], line["amount_minor"]) == ("2", 200)  # 18 / 4 -> 5, of which 3 were billed


def test_an_invoice_that_is_regenerated_comes_to_the_same() -> None:
    world = world_with(PRICES["transactions"])
    for number, quantity in enumerate(["7", "12.5", "400"]):
        use(world, f"e{number}", quantity, time=f"2026-10-0{number + 1}")
    close(world, OCTOBER)
    before = amounts(world, OCTOBER)
    invoice = world.month("acme", OCTOBER).invoice
    assert invoice
    world.regenerator.regenerate(invoice.number, "a new address")
    assert amounts(world, OCTOBER) == before
