"""Writing to customers, for the use cases that book payments and decide holds: the shape of `notices`, no more.

The notices build on the accounts and the invoices, so these cannot import them.
"""

from typing import Protocol

from monthclose.domain.month import CustomerMonth
from monthclose.domain.period import Period


class TellsOutcomes(Protocol):
    """Tells customers what became of their payments."""

    def tell(self, customer_id: str, period: Period, month: CustomerMonth | None = None) -> CustomerMonth:
        """Send a customer the notice that is due for a month's payment, and return the month as it is then.

        Raises
        ------
        TryLaterError
            The mail service is briefly unavailable; it is sent by the next call.
        """


class TellsHolds(Protocol):
    """Tells customers of their holds."""

    def tell(self, customer_id: str) -> None:
        """Send a customer the notice of the latest change of their hold, if it is news to them.

        Raises
        ------
        TryLaterError
            The mail service is briefly unavailable; it is sent by the next call.
        """
