"""Lambda "Park what is left"."""

from monthclose.domain.period import Period
from monthclose.handlers.entry import Event, state_handler, use_cases
from monthclose.observability import count


@state_handler("park_customers", key="[period, run]")
def handler(event: Event) -> Event:
    """Park the customers without an outcome after the last round."""
    parked = use_cases().park_customers(Period.parse(event["period"]))
    count("CustomersParked", parked)
    return {"parked": parked}
