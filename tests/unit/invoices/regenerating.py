"""A customer whose October invoice is regenerated: the world, and what the tests read in it."""

import json
from decimal import Decimal

from monthclose.domain.closes.close import totals_of
from monthclose.domain.closes.proof import check_totals
from monthclose.domain.invoices.draft_content import Draft
from monthclose.domain.invoices.invoice import Invoice
from monthclose.domain.payments.payment import PaymentKey
from monthclose.domain.period import Period
from monthclose.domain.pricing import Price, PriceBook
from monthclose.ports import ChargeOutcome
from monthclose.use_cases.payments.book_outcomes import Bookkeeper
from monthclose.use_cases.proof.report import Report
from tests.unit.invoices.late_usage import use
from tests.world import OCTOBER, World

OLD, NEW, WHY = "INV-00000001", "INV-00000002", "the price was wrong"
NOVEMBER = OCTOBER.next


def a_world(method: str = "ok", units: int = 100) -> World:
    """One customer with October usage at a price of 1.00."""
    world = World()
    priced_at(world, "1")
    world.add_customer("acme", method=method)
    metered(world, units)
    return world


def closed(method: str = "ok", units: int = 100) -> World:
    world = a_world(method, units)
    world.close()
    world.clock.pass_time(days=2)
    return world


def priced_at(world: World, price: str) -> None:
    world.price_books.merge(PriceBook.of([Price.plain("vm", "USD", Decimal(price))]))


def metered(world: World, units: int, name: str = "e1", period: Period = OCTOBER, sku: str = "vm") -> None:
    """Import usage that the price book prices."""
    use(world, name, str(units), time=f"{period}-05", sku=sku)


def regenerated(world: World, price: str = "0.8", number: str = OLD) -> Invoice:
    """Correct the price, and regenerate an invoice."""
    priced_at(world, price)
    return world.regenerator.regenerate(number, WHY).invoice


def invoice_of(world: World, period: Period = OCTOBER) -> Invoice:
    invoice = world.month("acme", period).invoice
    assert invoice
    return invoice


def old_of(world: World) -> Invoice:
    return world.month("acme").superseded[0]


def settled(invoice: Invoice) -> tuple[int, int, int, int]:
    """What is collected, credited, written off and open."""
    return (invoice.collected_minor, invoice.credited_minor, invoice.written_off_minor, invoice.open.minor)


def account(world: World) -> tuple[int, int]:
    """What is receivable, and what is credit."""
    return world.customer("acme").receivable_minor, world.customer("acme").credit_minor


def content_of(world: World, number: str) -> Draft:
    content: Draft = json.loads(world.issued.content(world.issued.find(number)))
    return content


def legs(world: World, entry_id: str) -> dict[str, int]:
    [entry] = [entry for entry in world.month("acme").entries if entry.entry_id == entry_id]
    assert sum(leg.minor for leg in entry.legs) == 0
    return {leg.account: leg.minor for leg in entry.legs}


def books_tie(world: World, *periods: Period) -> None:
    """Prove each month from its records, and each invoice by itself."""
    for period in periods or (OCTOBER,):
        month = world.month("acme", period)
        totals, _ = totals_of([month])
        assert check_totals(totals, 1) == []
        for invoice in month.invoices:
            assert invoice.open.minor >= 0
            assert min(settled(invoice)) >= 0


def proof(world: World, period: Period = OCTOBER) -> Report:
    """Prove the close again, from the sums as they are kept, and against the provider."""
    world.clock.pass_time(hours=1)
    report = world.reporter.report(period, 1)
    assert report["proof"]["ties"], report["proof"]
    return report


def provider_says(world: World, outcome: ChargeOutcome, period: Period = OCTOBER) -> None:
    """The provider says something of the close's payment."""
    bookkeeper = Bookkeeper(world.books, world.clock)
    case = bookkeeper.read(PaymentKey("acme", period))
    assert case
    world.gateway.outcomes[case.payment.provider_ref] = outcome
    bookkeeper.book(case, outcome)
