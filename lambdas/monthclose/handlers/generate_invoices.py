"""Lambda "Generate invoices"."""

from monthclose.domain.closes.close import Batch
from monthclose.domain.period import Period
from monthclose.handlers.entry import Event, state_handler, use_cases
from monthclose.observability import count


@state_handler("generate_invoices", key="[period, round, batch.batch]")
def handler(event: Event) -> Event:
    """Generate a batch's invoices, and say how many customers are to be charged and how many are on hold."""
    item = event["batch"]
    batch = Batch(item["batch"], item["provider"], tuple(item["customers"]))
    period, only = Period.parse(event["period"]), item.get("only", ())
    generated = use_cases().invoice_generator.generate(period, batch, event["round"], only)
    progress = generated.progress
    invoiced = progress.totals.customers.get("invoiced", 0)
    count("CustomersInvoiced", invoiced)
    count("CustomersParked", sum(progress.totals.parked.values()))
    return {"invoiced": invoiced, "to_charge": progress.unsettled, "held": generated.held}
