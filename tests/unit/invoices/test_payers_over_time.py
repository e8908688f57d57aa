"""Months of a customer that different accounts have paid for: what one has billed counts for the other."""

from collections import Counter

import pytest

from monthclose.domain.errors import UserMistakeError
from monthclose.domain.period import Period
from monthclose.domain.pricing.reading import read_book
from tests.unit.invoices.groups import billed, company, documents, imported, row, use
from tests.unit.invoices.late_usage import DECEMBER, NOVEMBER, close, load
from tests.world import OCTOBER, World

JANUARY = DECEMBER.next
DISK = {
    "sku": "disk",
    "currency": "USD",
    "unit_price": 1,
    "aggregation": "time_weighted",
    "time_unit": "day",
    "carry_over": True,
}


def amounts(world: World, customer_id: str) -> dict[str, list[tuple[str, str, int]]]:
    """What each invoice of a customer bills: the month and the SKU of each line, and its amount."""
    found = {}
    for period, document in documents(world, customer_id).items():
        lines = document["lines"]
        found[str(period)] = [(line.get("period", str(period)), line["sku"], line["amount_minor"]) for line in lines]
    return found


def fee_billed_in_advance_before_joining() -> World:
    """A world in which a customer has paid its fee for November itself, and has a payer since."""
    world = company(row("head"), row("north"))
    fee = {"id": "s", "currency": "USD", "monthly_fee": 10, "in_advance": True, "customers": ["north"]}
    world.price_books.merge(read_book({"fees": [fee]}))
    close(world, OCTOBER)
    imported(world, row("north", "head"))
    use(world, "north", 7, "2026-11-03")
    close(world, NOVEMBER)
    return world


def test_late_usage_gives_back_no_fee_that_was_billed_in_advance() -> None:
    world = fee_billed_in_advance_before_joining()
    use(world, "north", 2, "2026-10-30")
    use(world, "north", 3, "2026-11-29")
    close(world, DECEMBER)
    assert amounts(world, "north")["2026-12"] == [("2026-10", "vm", 200)]
    assert amounts(world, "head")["2026-12"] == [("2026-12", "s", 1000), ("2026-11", "vm", 300)]


def test_a_regenerated_invoice_gives_back_no_fee_that_was_billed_in_advance() -> None:
    world = fee_billed_in_advance_before_joining()
    before = billed(world, ("head", "north"))
    for period, owner in ((OCTOBER, "north"), (NOVEMBER, "head")):
        invoice = world.month(owner, period).invoice
        assert invoice
        world.regenerator.regenerate(invoice.number, "a new address")
    assert billed(world, ("head", "north")) == before


def october_with_a_disk(*rows: dict[str, str]) -> World:
    """A world in which north has a disk of 10 GB since October, which nothing is read of later."""
    world = company(*rows)
    world.price_books.merge(read_book({"prices": [DISK]}))
    read_size(world, "10", "2026-10-01")
    close(world, OCTOBER)
    return world


def read_size(world: World, size: str, day: str) -> None:
    event = {"customer_id": "north", "sku": "disk", "resource": "r", "event_id": day, "quantity": size, "time": day}
    assert load(world, event) == []


def parked(world: World, customer_id: str, period: Period) -> str:
    parking = world.month(customer_id, period).parking
    return parking.reason if parking and parking.active else ""


def test_sizes_go_on_when_a_customer_leaves_its_payer() -> None:
    world = october_with_a_disk(row("head"), row("north", "head"))
    imported(world, row("north", method="ok"))
    close(world, NOVEMBER)
    close(world, DECEMBER)
    assert amounts(world, "head") == {"2026-10": [("2026-10", "disk", 31_000)]}
    assert amounts(world, "north") == {
        "2026-11": [("2026-11", "disk", 30_000)],
        "2026-12": [("2026-12", "disk", 31_000)],
    }


def test_sizes_go_on_when_a_customer_moves_to_another_payer() -> None:
    world = october_with_a_disk(row("head"), row("other"), row("north", "head"))
    imported(world, row("north", "other"))
    close(world, NOVEMBER)
    close(world, DECEMBER)
    assert amounts(world, "head") == {"2026-10": [("2026-10", "disk", 31_000)]}
    assert amounts(world, "other") == {
        "2026-11": [("2026-11", "disk", 30_000)],
        "2026-12": [("2026-12", "disk", 31_000)],
    }


def quarter_of(kind: str, **terms: object) -> World:
    world = company(row("head"), row("north", "head"))
    entry = {"id": "q", "currency": "USD", "term": "quarter", "calendar": True, "customers": ["north"], **terms}
    world.price_books.merge(read_book({kind: [entry]}))
    use(world, "north", 20)
    close(world, OCTOBER)
    imported(world, row("north", method="ok"))
    use(world, "north", 10, "2026-11-03")
    close(world, NOVEMBER)
    return world


def test_a_quarter_counts_what_the_payer_was_billed_after_a_customer_has_left() -> None:
    world = quarter_of("commitments", amount=40)
    close(world, DECEMBER)
    assert amounts(world, "north") == {"2026-11": [("2026-11", "vm", 1000)], "2026-12": [("2026-12", "q", 1000)]}


def test_late_usage_bills_no_month_again_that_another_account_has_paid_for() -> None:
    world = quarter_of("limits", maximum=5000)
    use(world, "north", 3, event_id="late")
    close(world, DECEMBER)
    assert parked(world, "head", DECEMBER) == "paid_by_another"  # December's quarter counts it, on another invoice
    close(world, JANUARY)
    assert amounts(world, "head") == {"2026-10": [("2026-10", "vm", 2000)], "2027-01": [("2026-10", "vm", 300)]}
    assert amounts(world, "north") == {"2026-11": [("2026-11", "vm", 1000)]}


@pytest.mark.parametrize("leaves", [False, True])
def test_late_usage_that_changes_a_month_of_another_account_is_parked_until_it_is_corrected(leaves: bool) -> None:
    if leaves:
        world, late_on = october_with_a_disk(row("head"), row("north", "head")), "head"
        imported(world, row("north", method="ok"))
    else:
        world, late_on = october_with_a_disk(row("head"), row("north")), "north"
        imported(world, row("north", "head"))
    close(world, NOVEMBER)
    before = billed(world, ("head", "north"))
    read_size(world, "12", "2026-10-30")
    close(world, DECEMBER)
    assert parked(world, late_on, DECEMBER) == "paid_by_another"
    assert billed(world, ("head", "north")) == before + Counter(north=31_000)

    read_size_again = {"customer_id": "north", "sku": "disk", "resource": "r", "event_id": "back", "quantity": "10"}
    assert load(world, {**read_size_again, "time": "2026-10-30T00:00:01"}) == []
    close(world, DECEMBER)
    assert parked(world, late_on, DECEMBER) == ""


def test_a_regenerated_invoice_changes_no_month_that_another_account_has_paid_for() -> None:
    world = quarter_of("limits", maximum=25)
    invoice = world.month("head", OCTOBER).invoice
    assert invoice
    world.regenerator.regenerate(invoice.number, "a new address")
    use(world, "north", 3, event_id="late")
    again = world.month("head", OCTOBER).invoice
    assert again
    with pytest.raises(UserMistakeError, match="another account pays for 2026-11"):
        world.regenerator.regenerate(again.number, "usage that came late")
