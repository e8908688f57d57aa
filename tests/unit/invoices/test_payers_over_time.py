"""Months of a customer that different accounts have paid for: what one has billed counts for the other."""

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
