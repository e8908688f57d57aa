"""Hold and release by hand: what a person decides about a customer's hold, and why."""

from dataclasses import dataclass
from datetime import datetime
from functools import partial

from monthclose.domain.accounts.customer import Customer
from monthclose.domain.billing_window import period_at
from monthclose.domain.calendar import IN_UTC, BillingCalendar
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.month import HoldAction, HoldChange
from monthclose.domain.period import Period
from monthclose.domain.text import check_reason
from monthclose.ports import Books, Clock, Register
from monthclose.use_cases.batch_work import retry_conflicts

_MONTHS_AT_ONCE = 90
"""Open months that one release can cover: a transaction holds 100 items."""


@dataclass(frozen=True, slots=True)
class HoldDesk:
    """Places and lifts one customer's hold for a person."""

    books: Books
    clock: Clock
    register: Register
    calendar: BillingCalendar = IN_UTC

    def hold(self, customer_id: str, reason: str, by: str) -> Customer:
        """Put a customer on hold; a hold that the policy placed becomes the person's: only a person lifts it then.

        Raises
        ------
        UserMistakeError
            There is no such customer, or a person has put them on hold already.
        """
        return retry_conflicts(partial(self._hold, customer_id, _given(reason), by))

    def release(self, customer_id: str, reason: str, by: str) -> Customer:
        """Lift a customer's hold, whoever placed it; none of the invoices that are open now holds them again.

        Raises
        ------
        UserMistakeError
            There is no such customer, or they are not on hold.
        """
        return retry_conflicts(partial(self._release, customer_id, _given(reason), by))

    def _hold(self, customer_id: str, reason: str, by: str) -> Customer:
        customer, now = self._customer(customer_id), self.clock()
        if customer.held_since and customer.held_by:
            raise UserMistakeError(f"customer {customer_id} is already on hold, placed by {customer.held_by}")
        period = self._running(customer, now)
        number = len(self.books.month(customer_id, period).holds) + 1
        change = HoldChange(customer_id, period, HoldAction.PLACED, reason, now, number, by)
        return self._commit(customer.put_on_hold(customer.held_since or now, reason, by), change)

    def _release(self, customer_id: str, reason: str, by: str) -> Customer:
        customer, now = self._customer(customer_id), self.clock()
        if customer.held_since is None:
            raise UserMistakeError(f"customer {customer_id} is not on hold")
        months = self.books.months(customer_id)
        periods = [period for period, month in months.items() if month.invoice and month.invoice.open]
        changes = [
            HoldChange(
                customer_id,
                period,
                HoldAction.LIFTED,
                reason,
                now,
                len(months[period].holds) + 1 if period in months else 1,
                by,
            )
            for period in periods[-_MONTHS_AT_ONCE:] or [self._running(customer, now)]
        ]
        return self._commit(customer.off_hold(), *changes)

    def _running(self, customer: Customer, now: datetime) -> Period:
        return period_at(customer.billing_cycles, now, self.calendar, customer.billing_zones)

    def _commit(self, customer: Customer, *changes: HoldChange) -> Customer:
        self.books.commit(customer, *changes)
        self.register.put_account(customer)
        return customer

    def _customer(self, customer_id: str) -> Customer:
        customer = self.books.customer(customer_id)
        if customer is None:
            raise UserMistakeError(f"there is no customer {customer_id!r} (ids must match the import exactly)")
        return customer


def _given(reason: str) -> str:
    return check_reason(reason, "a reason is needed: support needs it, and the customer will ask")
