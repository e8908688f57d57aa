"""What a customer's month would come to now, for the plan of a close: drafts one invoice, and writes nothing."""

from dataclasses import dataclass
from datetime import datetime

from monthclose.domain.closes.sampling import Chosen, Drafted
from monthclose.domain.errors import ParkCustomerError
from monthclose.domain.invoices.invoicing import InvoicingPolicy
from monthclose.domain.period import Period
from monthclose.ports import Books
from monthclose.use_cases.batch_work import OF_ONE_CUSTOMER, reason_to_park
from monthclose.use_cases.invoices.draft_invoice import InvoiceDrafter


@dataclass(frozen=True, slots=True)
class DraftEstimator:
    """Drafts customers' invoices for a plan."""

    books: Books
    drafter: InvoiceDrafter
    policy: InvoicingPolicy
    adapters: frozenset[str]
    """Providers that have an adapter."""

    def estimate(self, chosen: Chosen, period: Period, price_book: str, tax_table: str, now: datetime) -> Drafted:
        """Draft a customer's invoice from the usage so far."""
        try:
            return self._drafted(chosen, period, price_book, tax_table, now)
        except OF_ONE_CUSTOMER as error:
            return Drafted(chosen, parked=reason_to_park(error).reason)

    def _drafted(self, chosen: Chosen, period: Period, price_book: str, tax_table: str, now: datetime) -> Drafted:
        customer_id = chosen.planned.customer_id
        customer = self.books.customer(customer_id)
        if customer is None:
            raise ParkCustomerError("no_customer", f"customer {customer_id} was removed")
        draft = self.drafter.draft(customer, period, price_book, tax_table, now, self.drafter.calendar.day(now))
        if not self.policy.invoices(draft):
            return Drafted(chosen)
        total, profile = draft["total_minor"], customer.profile
        due = max(total + sum(credit["amount_minor"] for credit in draft.get("credits", [])), 0)
        charged = profile.payment_method and profile.payment_provider in self.adapters
        return Drafted(chosen, draft["currency"], total, due if charged else 0)
