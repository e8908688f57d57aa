"""What of time an invoice bills: its period, by the time zone that the customer's bills go by."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from monthclose.domain.accounts.cycles import days_of
from monthclose.domain.calendar import BillingCalendar, local
from monthclose.domain.errors import ParkCustomerError
from monthclose.domain.pricing.metering.aggregation import Window

if TYPE_CHECKING:
    from monthclose.domain.accounts.customer import Customer
    from monthclose.domain.invoices.draft_content import MadeFrom
    from monthclose.domain.period import Period
    from monthclose.domain.pricing import Terms


class Served(NamedTuple):
    """What of time a customer's invoice for a period bills, in instants.

    Parameters
    ----------
    month : Window
        All of the period: more than what is billed of it where it is shortened by another billing day.
    zone : str
        The time zone that days are counted in.
    """

    window: Window
    month: Window
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
        The customer has no such period; or their time zone is not in the settings, so that the close may have begun
        before their month has ended.
    """
    zones, days = customer.billing_zones, days_of(customer.billing_cycles, period)
    if days is None:
        raise ParkCustomerError("cannot_be_billed", f"{period} does not bill this customer: the billing day is another")
    if zones and zones[-1].zone not in ("", *calendar.customer_zones):
        raise ParkCustomerError(
            "unknown_time_zone",
            f"the time zone {zones[-1].zone} is not in the setting customer_time_zones; add it there and deploy, or "
            "import the customer with another one, and close again",
        )
    return Served(
        Window(calendar.midnight(days.first, zones), calendar.midnight(days.end, zones)),
        Window(calendar.start(period, zones), calendar.end(period, zones)),
        calendar.zone_on(days.end, zones),
    )


def placed(terms: Terms, customer: Customer, period: Period, calendar: BillingCalendar) -> Terms:
    """Give terms the time that a period of a customer's is.

    Raises
    ------
    ParkCustomerError
        As `served`.
    """
    window, month, zone = served(customer, period, calendar)
    return replace(terms, period=period, within=window, whole=month, zone=zone)


def served_in(document: MadeFrom, period: Period) -> Window:
    """Read from a document what of time it bills for a period."""
    said = document.get("served", {}).get(str(period))
    return Window(*map(datetime.fromisoformat, said)) if said else Window(period.start, period.end)
