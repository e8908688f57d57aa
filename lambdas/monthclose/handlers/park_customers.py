"""Lambda "Park what is left"."""

from monthclose.domain.period import Period
from monthclose.handlers.entry import Event, runtime, state_handler
from monthclose.observability import count
from monthclose.use_cases.closes.park_customers import park_customers


@state_handler("park_customers", key="[period, run]")
def handler(event: Event) -> Event:
    """Park whoever has no outcome after the last round."""
    world = runtime()
    parked = park_customers(
        Period.parse(event["period"]),
        books=world.books,
        closes=world.closes,
        documents=world.documents,
        clock=world.clock,
    )
    count("CustomersParked", parked)
    return {"parked": parked}
