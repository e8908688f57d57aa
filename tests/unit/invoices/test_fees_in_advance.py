"""Fees in advance: the invoice of a period bills the next one's, and what changes meanwhile is settled on the next.

Amounts are worked out by hand: a part of a month is prorated by the second, what is not used of a fee that was billed
is given back on the next invoice (Stripe's documentation, "Prorations"; Lago's, "Plan model", fees paid in advance).
"""

from typing import Any

import pytest

from monthclose.domain.pricing.reading import read_book
from tests.unit.invoices.late_usage import DECEMBER, NOVEMBER, amounts, close, lines, use, world_of_acme
from tests.unit.invoices.test_billing_days import bill_on, period, used
from tests.world import OCTOBER, World


def world_with(**fee: Any) -> World:
    world = world_of_acme()
    change(world, **fee)
    return world


def change(world: World, **fee: Any) -> None:
    usual = {"id": "support", "currency": "USD", "monthly_fee": 30, "in_advance": True}
    world.price_books.merge(read_book({"fees": [usual | fee]}))


def test_an_invoice_bills_the_fee_of_the_next_month_and_not_its_own_again() -> None:
    world = world_with()
    use(world, "e1", "1")
    used(world, "n1", "2", time="2026-11-02")

    close(world, OCTOBER)
    close(world, NOVEMBER)

    assert amounts(world, OCTOBER) == [("2026-10", 100), ("2026-10", 3000), ("2026-11", 3000)], "the first one: both"
    assert amounts(world, NOVEMBER) == [("2026-11", 200), ("2026-12", 3000)]
    assert lines(world, NOVEMBER)[1]["description"] == "support, in advance for 2026-12"


@pytest.mark.parametrize(
    ("fee", "settled"),
    [
        ({"monthly_fee": 36}, 600),  # it costs more now
        ({"until": "2026-11-16"}, -1500),  # it ended on the 15th of November, a month of 30 days
        ({"until": "2026-11-01"}, -3000),  # it ended before
        ({"customers": ["somebody"]}, -3000),  # it is somebody else's now
    ],
)
def test_a_fee_that_changed_since_it_was_billed_is_settled_on_the_next_invoice(
    fee: dict[str, Any], settled: int
) -> None:
    world = world_with()
    close(world, OCTOBER)
    change(world, **fee)
    close(world, NOVEMBER)

    own = [line for line in lines(world, NOVEMBER) if "period" not in line]
    before = world.month("acme", OCTOBER).invoice
    assert before
    assert [line["amount_minor"] for line in own] == [settled]
    assert own[0]["steps"][-1]["invoice"] == before.number


def test_a_fee_that_begins_in_a_month_is_billed_for_that_and_the_next() -> None:
    world = world_with(**{"from": "2026-11-16"})
    use(world, "e1", "1")
    close(world, OCTOBER)
    close(world, NOVEMBER)
    close(world, DECEMBER)
    assert amounts(world, OCTOBER) == [("2026-10", 100), ("2026-11", 1500)], "15 of 30 days"
    assert amounts(world, NOVEMBER) == [("2026-12", 3000)]
    assert amounts(world, DECEMBER) == [("2027-01", 3000)]


def test_a_fee_that_becomes_one_in_advance_is_billed_for_both_months_once() -> None:
    world = world_with(in_advance=False)
    close(world, OCTOBER)
    change(world)
    close(world, NOVEMBER)
    close(world, DECEMBER)
    assert amounts(world, OCTOBER) == [("2026-10", 3000)]
    assert amounts(world, NOVEMBER) == [("2026-11", 3000), ("2026-12", 3000)]
    assert amounts(world, DECEMBER) == [("2027-01", 3000)]


def test_a_fee_that_is_no_longer_in_advance_is_billed_once() -> None:
    world = world_with()
    close(world, OCTOBER)
    change(world, in_advance=False)
    close(world, NOVEMBER)
    close(world, DECEMBER)
    assert amounts(world, NOVEMBER) == [], "October's invoice has billed it"
    assert amounts(world, DECEMBER) == [("2026-12", 3000)]


def test_late_usage_does_not_bill_a_fee_again_that_was_billed_in_advance() -> None:
    world = world_with()
    close(world, OCTOBER)
    close(world, NOVEMBER)
    use(world, "n1", "2", time="2026-11-02")
    close(world, DECEMBER)
    assert amounts(world, DECEMBER) == [("2027-01", 3000), ("2026-11", 200)]


def test_a_part_of_a_fee_that_was_given_back_is_settled_once_and_for_all() -> None:
    world = world_with(**{"from": "2026-11-16"})
    close(world, OCTOBER)
    change(world, **{"from": "2026-11-21"})
    close(world, NOVEMBER)
    for event_id, month in (("n1", DECEMBER), ("n2", DECEMBER.next)):
        use(world, event_id, "1", time="2026-11-05")
        close(world, month)

    given_back = lines(world, NOVEMBER)[1]
    assert (given_back["description"], given_back["from"][:10]) == ("support", "2026-11-16")
    assert amounts(world, NOVEMBER) == [("2026-11", 1000), ("2026-11", -1500), ("2026-12", 3000)]
    assert amounts(world, DECEMBER) == [("2027-01", 3000), ("2026-11", 100)]
    assert amounts(world, DECEMBER.next) == [("2027-02", 3000), ("2026-11", 100)]


def test_a_regenerated_invoice_bills_the_same_fees() -> None:
    world = world_with()
    used(world, "n1", "2", time="2026-11-02")
    close(world, OCTOBER)
    close(world, NOVEMBER)
    before = world.month("acme", NOVEMBER).invoice
    assert before

    done = world.regenerator.regenerate(before.number, "the address was wrong")

    assert done
    assert sum(line["amount_minor"] for line in lines(world, NOVEMBER)) == before.total_minor == 3200
    close(world, DECEMBER)
    assert amounts(world, DECEMBER) == [("2027-01", 3000)]


def test_a_discount_on_the_whole_invoice_takes_its_part_off_the_fee_in_its_own_month() -> None:
    world = world_with()
    world.price_books.merge(read_book({"discounts": [{"id": "loyal", "percent": 10}]}))
    close(world, OCTOBER)
    close(world, NOVEMBER)
    assert amounts(world, OCTOBER) == [("2026-10", 3000), ("2026-10", -300), ("2026-11", 3000)]
    assert amounts(world, NOVEMBER) == [("2026-11", -300), ("2026-12", 3000)]


def test_a_new_billing_day_bills_the_fee_of_the_shortened_period_in_advance() -> None:
    world = world_with(monthly_fee=31)
    bill_on(world, "15", on="2026-10-10")
    close(world, OCTOBER)
    close(world, period("2026-10-15"))
    close(world, period("2026-11-15"))
    assert amounts(world, OCTOBER) == [("2026-10", 3100), ("2026-10-15", 1400)]
    assert amounts(world, period("2026-10-15")) == [("2026-11-15", 3100)]
    assert amounts(world, period("2026-11-15")) == [("2026-12-15", 3100)]


def test_months_that_are_closed_out_of_order_bill_each_fee_once() -> None:
    world = world_with()
    use(world, "e1", "1")
    world.change("acme", profile=world.customer("acme").profile)
    close(world, OCTOBER)
    use(world, "n1", "1", time="2026-11-02", sku="unpriced")
    close(world, NOVEMBER)  # parked: a SKU has no price
    assert world.month("acme", NOVEMBER).parked
    close(world, DECEMBER)
    world.price_books.merge(read_book({"prices": [{"sku": "unpriced", "currency": "USD", "unit_price": 1}]}))
    close(world, NOVEMBER)

    assert amounts(world, DECEMBER) == [("2026-12", 3000), ("2027-01", 3000)]
    assert amounts(world, NOVEMBER) == [("2026-11", 100)]
