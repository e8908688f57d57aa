"""Interfaces for notifying customers, for the use cases that book payments and decide holds.

`notices` implements them. It builds on the accounts and the invoices, so those cannot import it.
"""

from typing import Protocol

from monthclose.domain.month import CustomerMonth
from monthclose.domain.period import Period


class TellsOutcomes(Protocol):
    """Notifies customers of the outcomes of their payments."""

    def tell(self, customer_id: str, period: Period, month: CustomerMonth | None = None) -> CustomerMonth:
        """Send a customer the notice that is due for a month's payment, and return the month as it is then.

        Raises
        ------
        TryLaterError
            The mail service is briefly unavailable; the next call sends it.
        """


class TellsHolds(Protocol):
    """Notifies customers of their holds."""

    def tell(self, customer_id: str) -> None:
        """Send a customer the notice of the latest change of their hold, if it is news to them.

        Raises
        ------
        TryLaterError
            The mail service is briefly unavailable; the next call sends it.
        """
