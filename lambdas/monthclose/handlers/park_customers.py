"""Lambda "Park customers"."""

from monthclose.domain.closes.close import Batch
from monthclose.domain.period import Period
from monthclose.handlers.entry import Event, state_handler, use_cases
from monthclose.observability import count


@state_handler("park_customers", key="[period, run, batch.batch]")
def handler(event: Event) -> Event:
    """Park the customers of a batch who have no outcome after the last round."""
    batch = event["batch"]
    parked = use_cases().park_customers(
        Period.parse(event["period"]),
        Batch(batch["batch"], batch["provider"], tuple(batch["customers"])),
        batch.get("only", ()),
    )
    count("CustomersParked", parked)
    return {"parked": parked}
