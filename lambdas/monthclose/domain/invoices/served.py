"""What of time an invoice bills: its period, by the time zone that the customer's bills go by."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from monthclose.domain.accounts.customer import Customer
from monthclose.domain.calendar import BillingCalendar, local
from monthclose.domain.errors import ParkCustomerError
from monthclose.domain.invoices.draft_content import MadeFrom
from monthclose.domain.period import Period
from monthclose.domain.pricing.aggregation import Window


class Served(NamedTuple):
    """The instants that a customer's invoice for a period bills, and the time zone that its days are counted in."""

    window: Window
    zone: str

    def content(self, period: Period) -> dict[str, list[str]]:
        """What a document says of them: nothing if they are the period in UTC."""
        if self.window == (period.start, period.end):
            return {}
        return {str(period): [local(time, self.zone).isoformat() for time in self.window]}


def served(customer: Customer, period: Period, calendar: BillingCalendar) -> Served:
    """Find what of time a period is for a customer.

    Raises
    ------
    ParkCustomerError
        The customer's time zone is none of the settings': the close may have begun before their month has ended.
    """
    zones = customer.billing_zones
    zone = calendar.zone_on(period.end_day, zones)
    if zones and zones[-1].zone not in ("", *calendar.customer_zones):
        raise ParkCustomerError(
            "unknown_time_zone",
            f"the time zone {zones[-1].zone} is none of the setting customer_time_zones; add it there and deploy, or "
            "import the customer with another one, and close again",
        )
    return Served(Window(calendar.start(period, zones), calendar.end(period, zones)), zone)


def served_in(document: MadeFrom, period: Period) -> Window:
    """Read from a document what of time it bills for a period."""
    said = document.get("served", {}).get(str(period))
    return Window(*map(datetime.fromisoformat, said)) if said else Window(period.start, period.end)
