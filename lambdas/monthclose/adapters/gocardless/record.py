"""What GoCardless holds for our payments, by its records of payments and refunds.

This is the other side of the proof: it shares no code with the gateway, so that it cannot agree with our books by the
same mistake. GoCardless has no record of single movements before a payout, days later; so what is held is what its
payments say was collected, less each of its refunds.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from monthclose.domain.closes.proof import ProviderCharge
from monthclose.domain.money import Money
from monthclose.domain.period import Period

_AT_ONCE = 500
_COLLECTED = ("confirmed", "paid_out")
_LOST = ("charged_back", "failed")
"""A payment that failed may have been confirmed before (API reference, "Payments": late failures)."""
_RETURNED = ("cancelled", "failed", "funds_returned")
"""Statuses of a refund whose money has come back. A bounced refund's is still on its way (API reference, "Refunds")."""


class GoCardlessRecord:
    """Adds up money by payments and refunds.

    Parameters
    ----------
    payments, refunds : gocardless_pro services
        Errors of their calls pass through.
    """

    def __init__(self, payments: Any, refunds: Any) -> None:
        self._payments, self._refunds = payments, refunds

    def held_for(self, period: Period, since: str) -> Iterator[ProviderCharge]:
        """List what is held for a period's payments that were created since a time."""
        query = {"created_at[gte]": since, "limit": _AT_ONCE}
        refunded = _by_payment(self._refunds.all(query))
        for payment in self._payments.all(query):
            metadata: Mapping[str, str] = payment.metadata or {}
            minor = _collected(payment) - refunded[payment.id]
            if metadata.get("close") == str(period) and (payment.status in (*_COLLECTED, "charged_back") or minor):
                ours = metadata.get("payment", "").rpartition("#")[0]
                yield ProviderCharge("gocardless", payment.id, ours, payment.currency, minor)

    def held(self, reference: str) -> Money | None:
        """Add up what is held for one payment; None if nothing was ever collected."""
        payment = self._payments.get(reference)
        if payment.status not in (*_COLLECTED, *_LOST):
            return None
        refunded = _by_payment(self._refunds.all({"payment": reference, "limit": _AT_ONCE}))
        return Money(_collected(payment) - refunded[reference], payment.currency)


def _collected(payment: Any) -> int:
    return int(payment.amount) if payment.status in _COLLECTED else 0


def _by_payment(refunds: Iterable[Any]) -> Counter[str]:
    sums = Counter[str]()
    for refund in refunds:
        if refund.status not in _RETURNED:
            sums[refund.links.payment] += refund.amount
    return sums
