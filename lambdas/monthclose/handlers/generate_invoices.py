"""Lambda "Generate invoices"."""

from monthclose.domain.closes.close import Batch
from monthclose.domain.period import Period
from monthclose.handlers.entry import Event, state_handler, use_cases
from monthclose.observability import count


@state_handler("generate_invoices", key="[period, round, batch.batch, rehearsal]")
def handler(event: Event) -> Event:
    """Generate a batch's invoices, and say how many customers are to be charged and how many are on hold.

    In a rehearsal they are only drafted.
    """
    item = event["batch"]
    batch = Batch(item["batch"], item["provider"], tuple(item["customers"]))
    if event.get("rehearsal"):
        use_cases().batch_rehearser.rehearse(Period.parse(event["period"]), event["rehearsal"], batch)
        return {"invoiced": 0, "to_charge": 0, "held": 0}  # nothing was issued: nobody is charged, told or held
    period, only = Period.parse(event["period"]), item.get("only", ())
    generated = use_cases().invoice_generator.generate(period, batch, event["round"], only)
    progress = generated.progress
    invoiced = progress.totals.customers.get("invoiced", 0)
    count("CustomersInvoiced", invoiced)
    count("CustomersParked", sum(progress.totals.parked.values()))
    return {"invoiced": invoiced, "to_charge": progress.unsettled, "held": generated.held}
