"""Interfaces for notifying customers, for the use cases that book payments and decide holds.

`notices` implements them. It builds on the accounts and the invoices, so those cannot import it.
"""

from typing import Protocol

from monthclose.domain.month import CustomerMonth
from monthclose.domain.payments.payment import PaymentKey
from monthclose.domain.payments.refund import Refund
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


class TellsMoneyBack(Protocol):
    """Notifies customers of what a person has refunded or written off."""

    def tell_refund(self, key: PaymentKey, refund: Refund) -> None:
        """Send a customer the notice of a refund that is done, once.

        Raises
        ------
        TryLaterError
            The mail service is briefly unavailable; the next call sends it.
        """

    def tell_write_off(self, customer_id: str, period: Period, entry_id: str) -> None:
        """Send a customer the notice of a write-off that is booked, once.

        Raises
        ------
        TryLaterError
            As `tell_refund`.
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
