"""Lambda "Generate invoices"."""

from functools import cache

from monthclose.domain.closes.close import Batch
from monthclose.domain.period import Period
from monthclose.handlers.entry import Event, runtime, state_handler
from monthclose.observability import count
from monthclose.use_cases.invoices.generate_invoices import InvoiceGenerator


@cache
def _generator() -> InvoiceGenerator:
    world = runtime()
    return InvoiceGenerator(
        books=world.books,
        closes=world.closes,
        usage=world.usage,
        price_books=world.price_books,
        documents=world.documents,
        clock=world.clock,
        adapters=frozenset(world.settings.providers),
        tax_tables=world.tax_tables,
        company=world.settings.company,
        policy=world.settings.invoicing,
    )


@state_handler("generate_invoices", key="[period, round, batch.batch]")
def handler(event: Event) -> Event:
    """Generate a batch's invoices and say how many customers there are to charge or to look at."""
    item = event["batch"]
    batch = Batch(item["batch"], item["provider"], tuple(item["customers"]))
    generated = _generator().generate(Period.parse(event["period"]), batch, event["round"])
    progress = generated.progress
    invoiced = progress.totals.customers.get("invoiced", 0)
    count("CustomersInvoiced", invoiced)
    count("CustomersParked", sum(progress.totals.parked.values()))
    return {"invoiced": invoiced, "to_charge": progress.unsettled, "held": generated.held}
