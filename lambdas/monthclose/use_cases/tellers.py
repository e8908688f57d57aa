"""Writing to customers, as those see it who book payments and decide holds: `notices`, by its shape only.

The notices build on the accounts and the invoices, so these cannot name what is up there.
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
            The mail service is briefly unable; it is sent when called again.
        """


class TellsHolds(Protocol):
    """Tells customers of their holds."""

    def tell(self, customer_id: str) -> None:
        """Send a customer the notice of the last change of their hold, if it is news to them.

        Raises
        ------
        TryLaterError
            The mail service is briefly unable; it is sent when called again.
        """
